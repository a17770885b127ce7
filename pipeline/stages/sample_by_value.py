"""The `sample_by_value` stage: fewer training examples, chosen by how hard a small model found them."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.sample import Kept, write_sample


@dataclass(config=STRICT, kw_only=True)
class SampleByValue(Stage):
    """Keeps the hardest or the easiest training examples."""

    kind: ClassVar[str] = "sample_by_value"
    produces: ClassVar[str] = "dataset"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",), "scores": ("scores",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    fraction: Kept
    keep: Literal["hard", "easy"]
    by_class: bool

    def run(self, context: Context) -> None:
        """Chooses, and saves the data set with what is kept."""
        import numpy as np

        from pipeline.data.files import load
        from pipeline.data.sampling.most_valuable import most_valuable

        dataset = load(context.inputs["data"].files)
        scores = np.load(context.inputs["scores"].path("scores.npy"), allow_pickle=False)
        with blame("inputs.scores"):
            kept = most_valuable(scores, dataset.train.labels, self.fraction, keep=self.keep, by_class=self.by_class)
            write_sample(dataset, kept, context)
