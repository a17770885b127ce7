"""The `sample` stage: fewer training examples, chosen without a model."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.settings import NotNegative, Positive, Seed

NEEDS: Mapping[str, tuple[str, ...]] = {
    "random": ("fraction",),
    "stratified": ("fraction",),
    "balanced": (),
    "cap": ("most",),
    "exact_duplicates": (),
    "near_duplicates": ("tolerance",),
}
TAKES: Mapping[str, tuple[str, ...]] = {**NEEDS, "balanced": ("per_class",)}

Kept = Annotated[float, pydantic.Field(gt=0, le=1)]


@dataclass(config=STRICT, kw_only=True)
class Sample(Stage):
    """Keeps some of the training examples; the validation and test parts stay as they are."""

    kind: ClassVar[str] = "sample"
    produces: ClassVar[str] = "dataset"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")

    method: Literal["random", "stratified", "balanced", "cap", "exact_duplicates", "near_duplicates"]
    fraction: Kept | None
    per_class: Positive | None
    most: Positive | None
    tolerance: NotNegative | None
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a method without what it needs, and settings that it would not heed."""
        del upstream
        for name in ("fraction", "per_class", "most", "tolerance"):
            value = getattr(self, name)
            if value is None and name in NEEDS[self.method]:
                raise ConfigError(name, f"missing; {self.method} needs it")
            if value is not None and name not in TAKES[self.method]:
                fitting = ", ".join(method for method, names in TAKES.items() if name in names)
                raise ConfigError(name, f"{self.method} doesn't heed it", value=value, accepted=[f"null, or {fitting}"])

    def run(self, context: Context) -> None:
        """Chooses, and saves the data set with what is kept."""
        from pipeline.data.files import load

        dataset = load(context.inputs["data"].files)
        with blame("method"):
            kept = self._choose(dataset, context)
            write_sample(dataset, kept, context)

    def _choose(self, dataset: Any, context: Context) -> Any:
        from pipeline.data.sampling.balanced import balanced
        from pipeline.data.sampling.cap import cap
        from pipeline.data.sampling.exact_duplicates import exact_duplicates
        from pipeline.data.sampling.random import random
        from pipeline.data.sampling.stratified import stratified

        labels = dataset.train.labels
        match self.method:
            case "random":
                return random(len(labels), self.fraction or 1.0, self.seed)
            case "stratified":
                return stratified(labels, self.fraction or 1.0, self.seed)
            case "balanced":
                return balanced(labels, dataset.info.class_names, self.per_class, self.seed)
            case "cap":
                return cap(labels, self.most or 1, self.seed)
            case "exact_duplicates":
                found = exact_duplicates(dataset.train.features, labels)
                if len(found.conflicting):
                    context.note(f"{len(found.conflicting):,} groups of equal examples disagree in their labels")
                return found.kept
        return near(dataset, self.tolerance or 0.0)


def near(dataset: Any, tolerance: float) -> Any:
    """Returns the training examples left when those near an earlier one are gone.

    Args:
        dataset: Images are compared on their scale of 0 to 1, the columns of a table in their standard deviations.
        tolerance: As in `near_duplicates`.
    """
    import numpy as np

    from pipeline.data.sampling.near_duplicates import near_duplicates

    info, train = dataset.info, dataset.train
    features = train.features if train.affine is None else train.decoded(slice(None))
    scale: Any = info.scale
    if info.kind == "table":
        scale = np.sqrt([column.variance for column in info.columns])
    categorical = [place for place, column in enumerate(info.columns) if column.kind == "categorical"]
    return near_duplicates(
        features,
        train.labels,
        tolerance,
        scale=scale,
        categorical=categorical,
        same_class=info.task == "classification",
    )


def write_sample(dataset: Any, kept: Any, context: Context) -> None:
    """Saves a data set with some of its training examples, and shows how many of each class they are.

    Raises:
        ValueError: When a class has none left.
    """
    from dataclasses import replace

    import numpy as np

    from pipeline.data.dataset import Split
    from pipeline.data.files import save
    from pipeline.data.sampling.summary import summary

    train = dataset.train
    counts = summary(train.labels, kept, dataset.info.class_names)
    smaller = Split(np.asarray(train.features[kept]), train.labels[kept], train.affine)
    save(replace(dataset, train=smaller), context.output)
    np.save(context.output / "kept.npy", kept, allow_pickle=False)
    if len(kept) == len(train.labels):
        context.note(f"sampling changed nothing: all {len(kept):,} training examples are kept")
    title = f"{len(kept):,} of {len(train.labels):,} training examples kept"
    context.log.info("%s", title)
    context.show(Exhibit(title, ["class", "before", "kept", "dropped"], [list(row) for row in counts]))
