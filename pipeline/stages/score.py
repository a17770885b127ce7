"""The `score` stage: how much each training example has to teach, by a small model's struggle with it."""

import json
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, InputError
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.build_model import build_model
from pipeline.stages.single_settings import SingleSettings
from pipeline.stages.train import Train

FORGETTING_EPOCHS = 2
"""The fewest epochs between which something can be forgotten."""


@dataclass(config=STRICT, kw_only=True)
class Score(Train):
    """Trains a small proxy model and scores every training example by its predictions after each epoch."""

    kind: ClassVar[str] = "score"
    produces: ClassVar[str] = "scores"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}

    method: Literal["forgetting", "loss", "el2n"]

    def check(self, upstream: dict[str, Stage]) -> None:  # type: ignore[override]
        """Refuses what the proxy's training refuses, several processes, and too few epochs to forget."""
        super().check(upstream)
        if not isinstance(self.distribution, SingleSettings):
            raise ConfigError("distribution", "a proxy is trained in one process", accepted=["{engine: single}"])
        if self.method == "forgetting" and self.epochs < FORGETTING_EPOCHS:
            raise ConfigError("epochs", "nothing can be forgotten", value=self.epochs, accepted=["2 or more"])

    def work(self, context: Context) -> None:
        """Trains the proxy, and saves scores.npy."""
        import numpy as np

        from pipeline.data.files import load
        from pipeline.data.stream import evaluation_stream
        from pipeline.training.determinism import start
        from pipeline.training.recorder import RecordProbabilities, recorded

        dataset = load(context.inputs["data"].files)
        if dataset.info.task != "classification":
            raise InputError(f"a {dataset.info.task} has no classes to score; accepted: classification")
        start(self.seed)
        model = build_model(self.model, dataset.info)
        examples = evaluation_stream(dataset.train, dataset.info, 1024, **self.input.arguments())
        folder = context.state / "probabilities"
        history = self.fit(model, dataset, context, (RecordProbabilities(examples, folder),))
        scores = scored(self.method, recorded(folder, self.epochs), dataset.train.labels)
        np.save(context.output / "scores.npy", scores, allow_pickle=False)
        (context.output / "history.json").write_text(json.dumps(history, indent=1))
        context.show(Exhibit(f"{self.method} of {len(scores):,} training examples", ["share", "score"], spread(scores)))


def scored(method: str, probabilities: list[Any], labels: Any) -> Any:
    """Returns the scores of all examples, larger for harder ones, float64.

    Args:
        method: "forgetting" counts over the epochs; "loss" and "el2n" are means over them.
        probabilities: Of each epoch, shape (examples, classes).
        labels: Classes, shape (examples,).
    """
    import numpy as np

    from pipeline.data.sampling.forgetting import forgetting_scores
    from pipeline.data.sampling.proxy_scores import el2n_scores, loss_scores

    if method == "forgetting":
        return forgetting_scores(np.stack([each.argmax(axis=1) == labels for each in probabilities]))
    measure = loss_scores if method == "loss" else el2n_scores
    return np.mean([measure(np.asarray(each), labels) for each in probabilities], axis=0)


def spread(scores: Any) -> list[list[str | int | float]]:
    """Returns the scores' quantiles; an infinite one is of an example never learned."""
    import numpy as np

    found = np.quantile(scores, (0.25, 0.5, 0.75, 0.9), method="lower")
    rows: list[list[str | int | float]] = [
        [f"{share}% are at most", float(value) if np.isfinite(value) else "never learned"]
        for share, value in zip((25, 50, 75, 90), found, strict=True)
    ]
    return [*rows, ["never learned", int(np.isinf(scores).sum())]]
