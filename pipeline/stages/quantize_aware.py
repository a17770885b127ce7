"""The `quantize_aware` stage: a trained model, fine-tuned while it is rounded to 8 bits, as a TFLite file."""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.compression.schemes import Int8InputType
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.calibration import draw_calibration
from pipeline.stages.layer_names import check_left, check_names, known_layers
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES, Positive
from pipeline.stages.training import TrainingStage, write_model

COMPARED = 256
"""Validation examples on which the file is compared with the rounded model that was trained."""

SAME_ROUNDING = 0.95
"""Least share of examples that file and model must put in the same class to count as one computation."""


@dataclass(config=STRICT, kw_only=True)
class QuantizeAware(TrainingStage):
    """Trains with weights and activations rounded, keeping zeros and shared values, and writes 8-bit integers."""

    kind: ClassVar[str] = "quantize_aware"
    wraps: ClassVar[bool] = True
    produces: ClassVar[str] = "tflite"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "tensorflow-model-optimization", "ai-edge-litert")

    calibration_examples: Positive
    input_type: Int8InputType
    exclude: list[str] = field(default_factory=list)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses averages of weights, and names of layers that the model won't have."""
        super().check(upstream)
        if self.optimizer.use_ema:
            raise ConfigError(
                "optimizer.use_ema",
                "averages of weights are not those whose rounding was trained",
                value="true",
                accepted=["false"],
            )
        if (layers := known_layers(upstream)) is not None:
            check_names("exclude", self.exclude, layers, "no such layer")
            check_left(self.exclude, layers, "quantize")

    def work(self, context: Context) -> None:
        """Fine-tunes, converts and saves the model; the reference is what was trained, not rounded."""
        from pipeline.compression.quantization_aware import quantization_aware

        model, dataset = load_together(context, self.seed)
        examples = draw_calibration(dataset.train, self.calibration_examples, self.seed, context)
        with blame("exclude and input_type"):
            aware = quantization_aware(model, examples, exclude=self.exclude, input_type=self.input_type)
        history = self.fit(aware.model, dataset, context)
        write_model(aware.strip(), history, context)
        (context.output / "model.keras").rename(context.output / "reference.keras")
        (context.output / "model.tflite").write_bytes(aware.to_tflite())
        settings = {
            "scheme": "int8",
            "training": "quantization-aware",
            "calibration_examples": len(examples),
            "input_type": self.input_type,
            "exclude": self.exclude,
            "float32": [*aware.plan.ends, *aware.plan.floats],
            "layers": self._show(aware, context),
        }
        (context.output / "quantization.json").write_text(json.dumps(settings, indent=1))
        self._compare(aware, dataset, context)

    def _show(self, aware: Any, context: Context) -> list[dict[str, Any]]:
        """Shows and returns what training kept of each layer, as it is in the weights behind the file."""
        from pipeline.compression.weight_form import kernel_forms

        columns = ["layer", "weights", "kept", "zeros"]
        kept, after = aware.kept(), kernel_forms(aware.strip())
        layers: list[dict[str, Any]] = []
        for name, form in after.items():
            before = kept.get(name)
            words = " and ".join(["zeros"] * before.sparse + ["values"] * before.clustered) if before else ""
            kind = "int8" if name in aware.plan.rounded else "float32"
            layers.append({"layer": name, "weights": kind, "kept": words, "zeros": round(form.sparsity, 4)})
        rows = [[each[key] for key in columns] for each in layers]
        context.show(Exhibit("quantization-aware training", columns, rows))
        lost = [
            name
            for name, form in kernel_forms(aware.start).items()
            if (form.sparse or form.clustered) and name not in kept
        ]
        if lost:
            context.note(f"zeros and shared values of {', '.join(lost)} are not kept: these layers are not rounded")
        return layers

    def _compare(self, aware: Any, dataset: Any, context: Context) -> None:
        """Compares the file with the rounded model that was trained, on validation examples."""
        from pipeline.compression.export import keras_outputs
        from pipeline.measurement.outputs import tflite_outputs
        from pipeline.stages.export import agreement

        features = dataset.validation.decoded(slice(COMPARED))
        given = tflite_outputs(context.output / "model.tflite", features)
        found = agreement(keras_outputs(aware.model, features), given, dataset.info.task)
        told = ", ".join(f"{what} {value:.4g}" for what, value in found.items())
        context.log.info("file against the rounded model on %d examples: %s", len(features), told)
        if found.get("same_class", 1.0) < SAME_ROUNDING:
            context.note(f"the file is not what was trained: {told} on {len(features)} validation examples")
