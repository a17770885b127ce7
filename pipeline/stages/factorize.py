"""The `factorize` stage: a trained model whose Dense layers become two thinner ones each."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import STRICT, Stage
from pipeline.stages.rewriting import RewritingStage


@dataclass(config=STRICT, kw_only=True)
class Factorize(RewritingStage):
    """Factorizes Dense layers by low-rank approximation of their kernels, then fine-tunes."""

    kind: ClassVar[str] = "factorize"
    title: ClassVar[str] = "Dense layers factorized"

    share: Annotated[float, pydantic.Field(gt=0, le=1)] | None

    @property
    def ranks(self) -> Mapping[str, float | None]:
        """Returns the settings that choose a rank, at least one of which has to be set."""
        return {"rank": self.rank, "share": self.share, "max_error": self.max_error}

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses two settings for one rank."""
        super().check(upstream)
        if self.rank is not None and self.share is not None:
            raise ConfigError("share", "rank is set too", value=self.share, accepted=["null, or a rank of null"])

    def rewrite(self, model: Any) -> tuple[Any, list[Any]]:
        """Factorizes the Dense layers."""
        from pipeline.compression.low_rank import factorize

        return factorize(
            model,
            rank=self.rank,
            share=self.share,
            max_error=self.max_error,
            min_gain=self.min_gain,
            layers=self.layers,
        )
