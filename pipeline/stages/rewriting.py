"""What the stages have in common that rewrite a trained model's layers by low-rank approximation."""

import abc
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.layer_names import check_names, known_layers
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES, NotNegative, Positive, Share
from pipeline.stages.training import TrainingStage, write_model


@dataclass(config=STRICT, kw_only=True)
class RewritingStage(TrainingStage):
    """A stage that rewrites layers of a trained model, then fine-tunes it."""

    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES
    title: ClassVar[str]
    """What it does, for the report."""

    rank: Positive | None
    max_error: Share | None
    min_gain: NotNegative
    layers: list[str] = field(default_factory=list)

    @property
    def ranks(self) -> Mapping[str, float | None]:
        """Returns the settings that choose a rank, at least one of which has to be set."""
        return {"rank": self.rank, "max_error": self.max_error}

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses settings that choose no rank, and names of layers that the model won't have."""
        super().check(upstream)
        if all(value is None for value in self.ranks.values()):
            raise ConfigError("rank", f"not set, nor {' nor '.join(list(self.ranks)[1:])}", accepted=["1 or more"])
        if (layers := known_layers(upstream)) is not None:
            check_names("layers", self.layers, layers, "no such layer to rewrite")

    @abc.abstractmethod
    def rewrite(self, model: Any) -> tuple[Any, list[Any]]:
        """Returns the rewritten model, and the account of each layer considered."""

    def work(self, context: Context) -> None:
        """Rewrites, fine-tunes and saves the model."""
        model, dataset = load_together(context, self.seed)
        with blame("layers"):
            rewritten, accounts = self.rewrite(model)
        self._show(accounts, context)
        write_model(rewritten, self.fit(rewritten, dataset, context), context)

    def _show(self, accounts: list[Any], context: Context) -> None:
        rows = [
            [each.name, each.rank, each.error, each.before, each.after, each.skipped or "rewritten"]
            for each in accounts
        ]
        for name, rank, error, before, after, what in rows:
            context.log.info(
                "%s: rank %d, error %.3f, multiply-adds %d to %d, %s", name, rank, error, before, after, what
            )
        if rows:
            columns = ["layer", "rank", "relative error", "multiply-adds before", "after", "what was done"]
            context.show(Exhibit(self.title, columns, rows))
        if all(each.skipped for each in accounts):
            context.note(f"{self.kind} rewrote no layer; the model was only trained on")
        for each in accounts:
            if each.skipped and each.name in self.layers:
                context.note(f"{each.name}, named in layers, was left as it is: {each.skipped}")
