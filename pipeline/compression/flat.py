"""Models whose layers a technique can reach."""

from pipeline.keras import keras


def require_flat(model: keras.Model, technique: str) -> None:
    """Refuses a subclassed model, and one with another model inside.

    Args:
        model: Any.
        technique: What is to be done to it, for the message.

    Raises:
        ValueError: Naming the model or the model inside.
    """
    if not isinstance(model, keras.Sequential) and not model._is_graph_network:  # tf_keras has no public test for it
        raise ValueError(f"{model.name}: {technique} takes functional and sequential models, not a subclassed one")
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            raise ValueError(f"{layer.name}: {technique} does not take a model inside a model; flatten it first")
