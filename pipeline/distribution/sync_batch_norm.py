"""Batch normalization whose statistics are those of all ranks' examples."""

from pipeline.keras import keras


def with_sync_batch_norm(model: keras.Model) -> keras.Model:
    """Returns a copy of a model whose batch normalization takes mean and variance over all of Horovod's ranks.

    The names and the order of the weights stay, so the weights fit the model that it is a copy of.

    Args:
        model: Functional or sequential.

    Raises:
        ValueError: If it has no batch normalization.
    """
    from horovod.tensorflow import SyncBatchNormalization

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if not isinstance(layer, keras.layers.BatchNormalization):
            return layer.__class__.from_config(config)
        return SyncBatchNormalization(**{**config, "fused": False})

    if not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        raise ValueError("sync_batch_norm: the model has no batch normalization; accepted: false")
    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    return copy
