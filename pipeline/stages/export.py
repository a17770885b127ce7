"""The `export` stage: the files that are served, each checked against the model it came from."""

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, PipelineError, blame
from pipeline.engine.keys import library_versions
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.export_facts import described, provenance
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES, Positive

TOLERANCE = 1e-3
"""Largest difference of a float32 logit, relative to the largest logit, that still counts as the same computation."""

ONNX = ("tf2onnx", "onnx", "onnxruntime")
"""What the extra `onnx` installs."""


@dataclass(config=STRICT, kw_only=True)
class Export(Stage):
    """Exports a model as TFLite, SavedModel, `.keras` and ONNX."""

    kind: ClassVar[str] = "export"
    produces: ClassVar[str] = "export"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model", "tflite"), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "ai-edge-litert")
    delivers: ClassVar[bool] = True

    formats: Annotated[list[Literal["tflite", "saved_model", "keras", "onnx"]], pydantic.Field(min_length=1)]
    check_examples: Positive
    sparse: bool = False

    @property
    def used_libraries(self) -> tuple[str, ...]:
        """Returns those of the formats; the extra's count, and need be there, for ONNX alone."""
        return (*self.libraries, *(ONNX if "onnx" in self.formats else ()))

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses formats that a quantized file does not have, or that are not installed."""
        model = upstream.get("model")
        if model is not None and model.produces == "tflite" and self.formats != ["tflite"]:
            raise ConfigError(
                "formats",
                "a quantized model exists as TFLite only",
                value=",".join(self.formats),
                accepted=["[tflite]"],
            )
        if self.sparse and model is not None and model.produces == "tflite":
            raise ConfigError(
                "sparse", "of a quantized file XNNPACK computes wrong results", value="true", accepted=["false"]
            )
        if "onnx" in self.formats and (missing := [name for name in ONNX if not any(distributions(name=name))]):
            raise ConfigError(
                "formats",
                f"onnx needs {', '.join(missing)}, not installed here",
                value=",".join(self.formats),
                accepted=["uv sync --extra onnx", "formats without onnx"],
            )

    def run(self, context: Context) -> None:
        """Writes each format, runs it on real test examples, and records how far it is from the Keras model."""
        from pipeline.compression import export
        from pipeline.data.files import load
        from pipeline.measurement.outputs import tflite_outputs
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(0)
        info, source = dataset.info, context.inputs["model"].files
        quantized = (source / "model.tflite").is_file()
        model = load_model(source / ("reference.keras" if quantized else "model.keras"))
        require_features(model, dataset.info)
        features = dataset.test.decoded(slice(self.check_examples))
        expected = export.keras_outputs(model, features)
        facts = {**described(info), "provenance": provenance(context, library_versions(self.used_libraries))}
        output = "prediction" if info.task == "regression" else "logits"
        outputs: dict[str, Any] = {}
        if "tflite" in self.formats:
            path = context.output / "model.tflite"
            path.write_bytes(
                (source / "model.tflite").read_bytes() if quantized else export.to_tflite(model, sparse=self.sparse)
            )
            outputs["tflite"] = tflite_outputs(path, features)
        if "saved_model" in self.formats:
            folder = context.output / "saved_model"
            export.to_saved_model(model, folder, info.columns, output=output)
            outputs["saved_model"] = export.saved_model_outputs(folder, features)
            if info.columns:
                outputs["saved_model, raw columns"] = export.raw_outputs(folder, raw_columns(features, info.columns))
        if "keras" in self.formats:
            shutil.copyfile(source / "model.keras", context.output / "model.keras")
            outputs["keras"] = export.keras_outputs(load_model(context.output / "model.keras"), features)
        if "onnx" in self.formats:
            outputs["onnx"] = write_onnx(model, context.output / "model.onnx", output, facts, features)
        checks = {name: agreement(expected, given, info.task) for name, given in outputs.items()}
        for name, found in checks.items():
            told = ", ".join(f"{what} {value:.4g}" for what, value in found.items())
            context.log.info("%s against the Keras model on %d examples: %s", name, len(features), told)
            if not quantized and found["largest_difference"] > TOLERANCE:
                raise PipelineError(
                    f"the {name} file differs from its Keras model by {found['largest_difference']:.2g}"
                )
        (context.output / "export.json").write_text(json.dumps({**facts, "checks": checks}, indent=1))


def write_onnx(model: Any, path: Path, output: str, facts: Mapping[str, Any], features: Any) -> Any:
    """Writes a model as ONNX, which carries the facts in its metadata, and returns the file's outputs.

    Raises:
        InputError: If the model computes what ONNX has no operator for.
    """
    from pipeline.compression.onnx import onnx_outputs, to_onnx

    metadata = {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in facts.items()}
    with blame("formats"):
        path.write_bytes(to_onnx(model, output=output, metadata=metadata))
    return onnx_outputs(path, features)


def raw_columns(features: Any, columns: Any) -> dict[str, Any]:
    """Returns a table's stored features as the world has them: texts in place of codes, by argument name."""
    from pipeline.compression.serving import argument_names

    raw: dict[str, Any] = {}
    for place, (column, name) in enumerate(zip(columns, argument_names([each.name for each in columns]), strict=True)):
        values = features[:, place]
        if column.kind == "categorical":
            words = ("\0", *column.vocabulary)
            values = [words[int(code)] for code in values]
        raw[name] = values
    return raw


def agreement(expected: Any, given: Any, task: str) -> dict[str, float]:
    """Returns how far two sets of outputs, each of shape (examples, outputs), are from each other.

    Returns:
        The largest difference relative to the largest output, and of a classification the share of examples given the
        same class.
    """
    import numpy as np

    largest = max(float(np.abs(expected).max()), 1e-9)
    found = {"largest_difference": float(np.abs(expected - given).max()) / largest}
    if task == "classification":
        found["same_class"] = float(np.mean(expected.argmax(-1) == given.argmax(-1)))
    return found
