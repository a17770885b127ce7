"""The parts of the training input: reading rows, and sharing batches out."""
