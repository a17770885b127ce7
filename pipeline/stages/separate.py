"""The `separate` stage: a trained model whose convolutions become depthwise and pointwise ones."""

from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.stage import STRICT
from pipeline.stages.rewriting import RewritingStage


@dataclass(config=STRICT, kw_only=True)
class Separate(RewritingStage):
    """Separates convolutions by low-rank approximation of their kernels, then fine-tunes."""

    kind: ClassVar[str] = "separate"
    title: ClassVar[str] = "convolutions separated"

    def rewrite(self, model: Any) -> tuple[Any, list[Any]]:
        """Separates the convolutions."""
        from pipeline.compression.separable import separate

        return separate(model, rank=self.rank, max_error=self.max_error, min_gain=self.min_gain, layers=self.layers)
