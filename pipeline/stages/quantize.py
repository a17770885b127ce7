"""The `quantize` stage: a trained model as a TFLite file of 8-bit or 16-bit numbers."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.compression.schemes import CALIBRATED, EXCLUDING, INPUTS, InputType, Scheme
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.calibration import draw_calibration
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES, Count, Positive, Seed


@dataclass(config=STRICT, kw_only=True)
class Quantize(Stage):
    """Quantizes after training, with ranges calibrated on real training examples where the scheme has ranges."""

    kind: ClassVar[str] = "quantize"
    produces: ClassVar[str] = "tflite"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "ai-edge-litert")

    scheme: Scheme
    calibration_examples: Positive
    input_type: InputType
    account_examples: Count
    seed: Seed
    exclude: list[str] = field(default_factory=list)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses what the scheme does not have."""
        del upstream
        if self.input_type not in (types := INPUTS[self.scheme]):
            raise ConfigError("input_type", f"scheme={self.scheme}", value=self.input_type, accepted=types)
        if self.exclude and self.scheme not in EXCLUDING:
            accepted = ["[]", *(f"scheme={each}" for each in EXCLUDING)]
            raise ConfigError("exclude", f"scheme={self.scheme}", value=",".join(self.exclude), accepted=accepted)

    def run(self, context: Context) -> None:
        """Quantizes and saves the model."""
        from pipeline.compression.quantization import quantize

        model, dataset = load_together(context, self.seed)
        examples = None
        if self.scheme in CALIBRATED:
            examples = draw_calibration(dataset.train, self.calibration_examples, self.seed, context)
        with blame("scheme, input_type and exclude"):
            content = quantize(model, self.scheme, examples, input_type=self.input_type, exclude=self.exclude)
        (context.output / "model.tflite").write_bytes(content)
        settings: dict[str, Any] = {
            "scheme": self.scheme,
            "calibration_examples": 0 if examples is None else len(examples),
            "input_type": self.input_type,
        }
        if self.account_examples:
            settings["layers"] = self._account(context, model, content, dataset.train)
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
