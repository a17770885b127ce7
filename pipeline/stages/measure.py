"""The `measure` stage: what an exported TFLite file is worth and what it costs to serve."""

import json
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.settings import Positive


@dataclass(config=STRICT, kw_only=True)
class Measure(Stage):
    """Measures accuracy, size, operations and latency in a process of its own, with pinned threads."""

    kind: ClassVar[str] = "measure"
    produces: ClassVar[str] = "measurement"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("export",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "ai-edge-litert", "tensorflow")

    threads: Positive
    warmup: Annotated[int, pydantic.Field(ge=0)]
    runs: Positive
    interpreter: Literal["litert", "tensorflow"]
    part: Literal["test", "validation"] = "test"

    def run(self, context: Context) -> None:
        """Measures the file on the test part, or on the validation part where models are chosen by it."""
        from pipeline.data.files import load_info, part_files
        from pipeline.measurement.measure import measure

        info, _ = load_info(context.inputs["data"].files)
        features, labels = part_files(context.inputs["data"].files, self.part)
        with blame("model"):
            model = context.inputs["model"].path("model.tflite")
        found = measure(
            model,
            features,
            labels,
            threads=self.threads,
            warmup=self.warmup,
            runs=self.runs,
            interpreter=self.interpreter,
            task=info.task,
        )
        if "confusion" in found:
            found["classes"] = list(info.class_names)
        (context.output / "measurement.json").write_text(json.dumps(found, indent=1))
