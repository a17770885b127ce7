"""The `quantize` stage: a trained model as a TFLite file of 8-bit integers."""

import json
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES, Positive, Seed


@dataclass(config=STRICT, kw_only=True)
class Quantize(Stage):
    """Quantizes after training, with ranges calibrated on real training examples."""

    kind: ClassVar[str] = "quantize"
    produces: ClassVar[str] = "tflite"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    calibration_examples: Positive
    input_type: Literal["float32", "int8", "uint8"]
    seed: Seed

    def run(self, context: Context) -> None:
        """Quantizes and saves the model."""
        import numpy as np

        from pipeline.compression.quantization import quantize_int8
        from pipeline.data.files import load
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        train = dataset.train
        start(self.seed)
        model = load_model(context.inputs["model"].path("model.keras"))
        require_features(model, dataset.info)
        count = min(self.calibration_examples, len(train.features))
        if count < self.calibration_examples:
            context.note(f"calibrated on all {count} training examples; {self.calibration_examples} were asked for")
        chosen = np.random.default_rng(self.seed).choice(len(train.features), count, replace=False)
        with blame("input_type"):
            content = quantize_int8(model, train.decoded(np.sort(chosen)), input_type=self.input_type)
        (context.output / "model.tflite").write_bytes(content)
        settings = {"scheme": "int8", "calibration_examples": count, "input_type": self.input_type}
        (context.output / "quantization.json").write_text(json.dumps(settings, indent=1))
        (context.output / "reference.keras").write_bytes(context.inputs["model"].path("model.keras").read_bytes())
