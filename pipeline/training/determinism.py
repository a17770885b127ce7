"""Randomness as a function of (seed, epoch), so that a resumed run draws what an uninterrupted one would have drawn."""

from pipeline.keras import keras, tf


def start(seed: int) -> None:
    """Puts Keras into a known state: no names of earlier models, all generators seeded, deterministic kernels.

    Args:
        seed: Seeds the initial weights.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    keras.backend.experimental.enable_tf_random_generator()
    tf.config.experimental.enable_op_determinism()


class SeedEachEpoch(keras.callbacks.Callback):
    """Reseeds every random layer (Dropout, noise, augmentation) at the start of each epoch from (seed, epoch, layer).

    Without it a generator's state at epoch k depends on how many draws went before, which a resumed run does not know.

    Args:
        seed: The run's seed.
        rank: Of the processes that train together, this one; they must not drop the same units.
    """

    def __init__(self, seed: int, rank: int = 0) -> None:
        super().__init__()
        self._seed, self._rank = seed, rank

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Reseeds the generators."""
        del logs
        for number, generator in enumerate(random_generators(self.model)):
            place = (self._rank * 1_000_003 + epoch) * 1_009 + number
            generator.reset_from_seed(((self._seed << 32) + place) % 2**63)


def random_generators(model: keras.Model) -> list[tf.random.Generator]:
    """Returns the generators of a model's random layers, in the order of the layers."""
    layers = [each for each in model.submodules if isinstance(each, keras.layers.Layer)]
    held = (getattr(getattr(layer, "_random_generator", None), "_generator", None) for layer in layers)
    return [generator for generator in held if generator is not None]
