"""The `export` stage: the files that are served, each checked against the model it came from."""

import json
import shutil
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.settings import TRAINING_LIBRARIES, Positive

TOLERANCE = 1e-3
"""Largest difference of a float32 logit, relative to the largest logit, that still counts as the same computation."""


@dataclass(config=STRICT, kw_only=True)
class Export(Stage):
    """Exports a model as TFLite, SavedModel and `.keras`."""

    kind: ClassVar[str] = "export"
    produces: ClassVar[str] = "export"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model", "tflite"), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "ai-edge-litert")
    delivers: ClassVar[bool] = True

    formats: Annotated[list[Literal["tflite", "saved_model", "keras"]], pydantic.Field(min_length=1)]
    check_examples: Positive

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses formats that a quantized file does not have."""
        model = upstream.get("model")
        if model is not None and model.produces == "tflite" and self.formats != ["tflite"]:
            raise ConfigError(
                "formats",
                "a quantized model exists as TFLite only",
                value=",".join(self.formats),
                accepted=["[tflite]"],
            )

    def run(self, context: Context) -> None:
        """Writes each format, runs it on real test examples, and records how far it is from the Keras model."""
        from pipeline.compression import export
        from pipeline.data.dataset import load
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(0)
        source = context.inputs["model"].files
        quantized = (source / "model.tflite").is_file()
        model = load_model(source / ("reference.keras" if quantized else "model.keras"))
        features = dataset.test.features[: self.check_examples]
        expected = export.keras_outputs(model, features)
        outputs: dict[str, Any] = {}
        if "tflite" in self.formats:
            path = context.output / "model.tflite"
            path.write_bytes((source / "model.tflite").read_bytes() if quantized else export.to_tflite(model))
            outputs["tflite"] = export.tflite_outputs(path, features)
        if "saved_model" in self.formats:
            export.to_saved_model(model, context.output / "saved_model")
            outputs["saved_model"] = export.saved_model_outputs(context.output / "saved_model", features)
        if "keras" in self.formats:
            shutil.copyfile(source / "model.keras", context.output / "model.keras")
            outputs["keras"] = export.keras_outputs(load_model(context.output / "model.keras"), features)
        checks = {name: agreement(expected, given) for name, given in outputs.items()}
        for name, found in checks.items():
            context.log.info("%s: same class on %.2f %% of %d examples", name, found["same_class"] * 100, len(features))
            if not quantized and found["largest_difference"] > TOLERANCE:
                raise PipelineError(
                    f"the {name} file differs from its Keras model by {found['largest_difference']:.2g}"
                )
        metadata = {
            "class_names": list(dataset.info.class_names),
            "feature_names": list(dataset.info.feature_names),
            "input_shape": list(dataset.info.feature_shape),
            "checks": checks,
        }
        (context.output / "export.json").write_text(json.dumps(metadata, indent=1))


def agreement(expected: Any, given: Any) -> dict[str, float]:
    """Returns how far two sets of logits, each of shape (examples, classes), are from each other.

    Returns:
        The largest difference relative to the largest logit, and the share of examples given the same class.
    """
    import numpy as np

    largest = max(float(np.abs(expected).max()), 1e-9)
    return {
        "largest_difference": float(np.abs(expected - given).max()) / largest,
        "same_class": float(np.mean(expected.argmax(-1) == given.argmax(-1))),
    }
