"""The `quantize` stage: a trained model as a TFLite file of 8-bit or 16-bit numbers."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES, Count, Positive, Seed

INPUTS = {
    "dynamic": ["float32"],
    "float16": ["float32"],
    "int8": ["float32", "int8", "uint8"],
    "int16x8": ["float32", "int16"],
}


@dataclass(config=STRICT, kw_only=True)
class Quantize(Stage):
    """Quantizes after training, with ranges calibrated on real training examples where the scheme has ranges."""

    kind: ClassVar[str] = "quantize"
    produces: ClassVar[str] = "tflite"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "ai-edge-litert")

    scheme: Literal["dynamic", "float16", "int8", "int16x8"]
    calibration_examples: Positive
    input_type: Literal["float32", "int8", "uint8", "int16"]
    account_examples: Count
    seed: Seed
    exclude: list[str] = field(default_factory=list)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses what the scheme does not have."""
        del upstream
        accepted = INPUTS[self.scheme]
        if self.input_type not in accepted:
            raise ConfigError("input_type", f"scheme={self.scheme}", value=self.input_type, accepted=accepted)
        if self.exclude and self.scheme != "int8":
            raise ConfigError(
                "exclude", f"scheme={self.scheme}", value=",".join(self.exclude), accepted=["[]", "scheme=int8"]
            )

    def run(self, context: Context) -> None:
        """Quantizes and saves the model."""
        import numpy as np

        from pipeline.compression.quantization import CALIBRATED, quantize
        from pipeline.data.files import load
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        train = dataset.train
        start(self.seed)
        model = load_model(context.inputs["model"].path("model.keras"))
        require_features(model, dataset.info)
        count = min(self.calibration_examples, len(train.features)) if self.scheme in CALIBRATED else 0
        if self.scheme in CALIBRATED and count < self.calibration_examples:
            context.note(f"calibrated on all {count} training examples; {self.calibration_examples} were asked for")
        chosen = np.random.default_rng(self.seed).choice(len(train.features), count, replace=False)
        with blame("scheme, input_type and exclude"):
            content = quantize(
                model,
                self.scheme,
                train.decoded(np.sort(chosen)),
                input_type=self.input_type,
                exclude=self.exclude,
            )
        (context.output / "model.tflite").write_bytes(content)
        settings: dict[str, Any] = {
            "scheme": self.scheme,
            "calibration_examples": count,
            "input_type": self.input_type,
        }
        if self.account_examples:
            settings["layers"] = self._account(context, model, content, train)
        (context.output / "quantization.json").write_text(json.dumps(settings, indent=1))
        (context.output / "reference.keras").write_bytes(context.inputs["model"].path("model.keras").read_bytes())

    def _account(self, context: Context, model: Any, content: bytes, train: Any) -> list[dict[str, Any]]:
        """Shows and returns what became of each layer, on the first training examples."""
        from pipeline.compression.export import to_tflite
        from pipeline.compression.quantization_account import account

        examples = train.decoded(slice(self.account_examples))
        layers = account(model, to_tflite(model), content, examples, excluded=self.exclude)
        rows = []
        for each in layers:
            noise = f"{each.sqnr:.1f}" if math.isfinite(each.sqnr) else "no noise"
            rows.append([each.layer, each.weights, each.results, noise, each.why_float])
        if all(each.weights == "float32" for each in layers):
            context.note("quantization changed nothing: every layer kept its weights in float32")
        title = f"quantization by layer; signal to noise on {len(examples)} training examples"
        context.show(Exhibit(title, ["layer", "weights", "results", "signal to noise, dB", "why float32"], rows))
        return [{**asdict(each), "sqnr": each.sqnr if math.isfinite(each.sqnr) else None} for each in layers]
