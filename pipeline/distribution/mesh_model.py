"""A Keras model whose variables lie on a mesh of devices, and which `fit` trains and evaluates there."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.distribution.layout_map import Split
from pipeline.distribution.mesh_layers import ON_MESH, Dense, examples_axis, lay, whole
from pipeline.keras import keras, tf

Logs = dict[str, Any]


class MeshModel(keras.Model):
    """A functional model made under a layout map.

    The model, its loss, gradients and optimizer are one function on the mesh, a step of which is a step of Keras's
    `fit` on the whole batch. Metrics are computed where the data come from, of outputs put together.
    """

    @property
    def mesh(self) -> Any:
        """The mesh."""
        return self._layout_map.get_default_mesh()

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Returns a function from an iterator to the metrics so far, which takes a step; Keras's `fit` calls it."""
        if force or self.train_function is None:
            self.train_function: Any = self._judging(self._train)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Returns the same for a step of evaluation."""
        if force or self.test_function is None:
            self.test_function: Any = self._judging(self._test)
        return self.test_function

    def _judging(self, step: Callable[..., tf.Tensor]) -> Callable[[Any], Logs]:
        on_mesh = tf.function(step)
        metrics = tf.function(self.compiled_metrics.update_state, reduce_retracing=True)

        def run(iterator: Any) -> Logs:
            features, labels, weights = keras.utils.unpack_x_y_sample_weight(next(iterator))
            placed = [None if each is None else self._everywhere(each) for each in (labels, weights)]
            outputs = tf.experimental.dtensor.unpack(on_mesh(self._by_example(features), *placed))[0]
            metrics(labels, outputs, weights)
            return self.get_metrics_result()

        return run

    def _train(self, features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = whole(self(features, training=True), self.mesh)
            added = [whole(each, self.mesh) for each in self.losses]
            loss = self.compiled_loss(labels, outputs, weights, regularization_losses=added)
        variables = self.trainable_variables
        pairs = zip(tape.gradient(loss, variables), variables, strict=True)
        self.optimizer.apply_gradients(
            [
                (None if gradient is None else tf.experimental.dtensor.relayout(gradient, variable.layout), variable)
                for gradient, variable in pairs
            ]
        )
        self._train_counter.assign_add(1)
        return outputs

    def _test(self, features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        outputs = whole(self(features, training=False), self.mesh)
        added = [whole(each, self.mesh) for each in self.losses]
        self.compiled_loss(labels, outputs, weights, regularization_losses=added)
        return outputs

    def _everywhere(self, tensor: tf.Tensor) -> tf.Tensor:
        return tf.experimental.dtensor.copy_to_mesh(
            tensor, tf.experimental.dtensor.Layout.replicated(self.mesh, len(tensor.shape))
        )

    def _by_example(self, tensor: tf.Tensor) -> tf.Tensor:
        axis = examples_axis(tensor.shape[0], self.mesh)
        return lay(self._everywhere(tensor), self.mesh, (axis, *[None] * (len(tensor.shape) - 1)))


def put_on_mesh(model: keras.Model, mesh: Any, splits: Mapping[str, Split]) -> MeshModel:
    """Returns a model of the same layers and weights on a mesh.

    Args:
        model: Whose layers `check_layers` accepts.
        mesh: With the axes "batch" and "model".
        splits: How the variables lie that are split, by their path; of the others each device has all.
    """
    layouts = keras.dtensor.experimental.LayoutMap(mesh=mesh)
    dtensor = tf.experimental.dtensor
    for path, split in splits.items():
        layer, name = path.split("/")
        layouts[f"{layer}.{name}"] = dtensor.Layout([axis or dtensor.UNSHARDED for axis in split], mesh)
    with layouts.scope():
        clone = keras.models.clone_model(
            model, clone_function=lambda layer: ON_MESH[type(layer)].from_config(layer.get_config())
        )
        placed = MeshModel(clone.inputs, clone.outputs, name=model.name)
    for layer in placed.layers:
        layer.mesh = mesh
        if isinstance(layer, Dense):
            layer.split = splits.get(f"{layer.name}/kernel", (None, None))
    for layer in model.layers:
        placed.get_layer(layer.name).set_weights(layer.get_weights())
    return placed


def take_from_mesh(placed: MeshModel, model: keras.Model) -> None:
    """Gives a model the weights, put together, of the one that `put_on_mesh` made of it."""
    for layer in model.layers:
        parts = placed.get_layer(layer.name).weights
        layer.set_weights([whole(variable.read_value(), placed.mesh).numpy() for variable in parts])
