"""The `bring` stage: a user's own model, as it is."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import OUTSIDE_KEY, STRICT, Context, Stage
from pipeline.stages.settings import TRAINING_LIBRARIES, Seed
from pipeline.stages.training import write_model

BATCH = 256
"""Examples judged at once."""


@dataclass(config=STRICT, kw_only=True)
class Bring(Stage):
    """Loads a model from a file or a function and checks that it fits the data; it is not trained."""

    kind: ClassVar[str] = "bring"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    path: str | None = field(metadata=OUTSIDE_KEY)
    function: str | None
    arguments: dict[str, Any] | None
    allowed: list[str] = field(metadata=OUTSIDE_KEY)
    scaled: bool
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses no origin and two, and arguments for none."""
        del upstream
        if (self.path is None) == (self.function is None):
            problem = "missing, as function is" if self.path is None else "one of two; function is set too"
            raise ConfigError("path", problem, value=self.path, accepted=["exactly one of path and function"])
        if self.arguments and self.function is None:
            raise ConfigError("arguments", "of no function", accepted=["null", "function with them"])

    def sources(self) -> dict[str, Path]:
        """Returns the model's files, or the function's module: with their content, the artifact's key changes."""
        from pipeline.data.sources.function import function_file
        from pipeline.models.own_files import own_files

        if self.function is not None:
            path = function_file(self.function, self.allowed)
            return {path.name: path}
        return own_files(Path(str(self.path)).expanduser())

    def run(self, context: Context) -> None:
        """Loads, checks, judges and saves the model."""
        from pipeline.compression.export import keras_outputs
        from pipeline.data.files import load
        from pipeline.models.adopt import adopt, require_logits
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        info = dataset.info
        start(self.seed)
        with blame("path" if self.function is None else "function"):
            model, notes = adopt(
                self.own_model(info),
                info.feature_shape,
                len(info.class_names),
                task=info.task,
                scale=info.scale if self.scaled else 1.0,
            )
            require_logits(keras_outputs(model, dataset.validation.decoded(slice(BATCH))), info.task)
        for note in notes:
            context.note(note)
        write_model(model, [], context)
        for name, value in judged(model, dataset).items():
            context.log.info("validation %s %.4f", name, value)

    def own_model(self, info: Any) -> Any:
        """Returns what the file holds or the function gives."""
        from pipeline.data.sources.function import call_function
        from pipeline.models.files import load_model
        from pipeline.models.saved_model import load_saved_model

        if self.function is not None:
            shape = {"input_shape": tuple(info.feature_shape), "outputs": len(info.class_names)}
            return call_function(self.function, {**shape, **(self.arguments or {})}, self.allowed)
        path = Path(str(self.path)).expanduser()
        return load_saved_model(path) if path.is_dir() else load_model(path)


def judged(model: Any, dataset: Any) -> dict[str, float]:
    """Returns a model's loss and metrics on the validation part."""
    from pipeline.data.stream import evaluation_stream
    from pipeline.training.objective import objective

    info = dataset.info
    model.compile(**objective(info.task, target_variance=info.target_variance))
    examples = evaluation_stream(dataset.validation, info, BATCH)
    return {name: float(value) for name, value in model.evaluate(examples, verbose=0, return_dict=True).items()}
