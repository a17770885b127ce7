"""How a training is spread over processes: one interface, one file an engine."""
