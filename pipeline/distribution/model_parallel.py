"""Model parallelism with DTensor: each device of a mesh keeps a part of the weights and computes with it."""

import logging
from collections.abc import Mapping, Sequence

from pipeline.distribution.devices import claim_devices
from pipeline.distribution.layout_map import BATCH, MODEL, Split, path_of, split_bytes, split_variables
from pipeline.distribution.mesh_layers import check_layers
from pipeline.distribution.mesh_model import MeshModel, put_on_mesh, take_from_mesh
from pipeline.distribution.mesh_optimizer import check_optimizer
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf

log = logging.getLogger(__name__)


class ModelParallel(Single):
    """One process with several logical CPU devices, as a mesh of batch x model of them.

    Args:
        batch: Over how many rows of devices the examples of each batch are shared out.
        model: Over how many devices of a row the weights are split.
        layouts: The rules of `split_variables`.
        preset: The same.

    Raises:
        ValueError: If TensorFlow has started with fewer logical devices.
    """

    def __init__(
        self, *, batch: int, model: int, layouts: Sequence[tuple[str, Split]] = (), preset: str | None = None
    ) -> None:
        claim_devices(batch * model)
        devices = [f"CPU:{number}" for number in range(batch * model)]
        self.shape = {BATCH: batch, MODEL: model}
        self.mesh = tf.experimental.dtensor.create_mesh(list(self.shape.items()), devices=devices)
        self._layouts, self._preset = layouts, preset

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[MeshModel, keras.optimizers.Optimizer]:
        """Returns a model with the same weights on the mesh, and an optimizer with the same settings there.

        Raises:
            ValueError: If a layer, a layout or a setting of the optimizer can't be put on the mesh.
        """
        check_layers(model)
        check_optimizer(optimizer)
        splits = split_variables(model, self.shape, self._layouts, self._preset)
        log.info("%s", account(model, splits, self.shape))
        placed = put_on_mesh(model, self.mesh, splits)
        return placed, type(optimizer).from_config({**optimizer.get_config(), "mesh": self.mesh})

    def finish(self, placed: MeshModel, model: keras.Model) -> None:
        """Gives the model the weights, put together, and the mesh's optimizer."""
        take_from_mesh(placed, model)
        model.optimizer = placed.optimizer


def account(model: keras.Model, splits: Mapping[str, Split], mesh: Mapping[str, int]) -> str:
    """Returns a line that says what is split and what each device keeps of the weights."""
    sizes = {
        path_of(layer, each): each.shape.num_elements() * each.dtype.size
        for layer in model.layers
        for each in layer.variables
    }
    kept, total = split_bytes(splits, sizes, mesh), sum(sizes.values())
    return f"{len(splits)} of {len(sizes)} variables are split; a device keeps {kept:,} of {total:,} bytes of weights"
