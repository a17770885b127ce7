"""The engine: stages, graph, store, ledger. It knows nothing of machine learning and imports no TensorFlow."""
