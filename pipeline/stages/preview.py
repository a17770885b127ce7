"""The `preview` stage: what augmentation makes of some training images, as a picture."""

from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import InputError, blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.settings import AugmentSettings, Positive, Seed


@dataclass(config=STRICT, kw_only=True)
class Preview(Stage):
    """Draws a grid: each row an image of the training part, then variants of it."""

    kind: ClassVar[str] = "preview"
    produces: ClassVar[str] = "preview"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "tensorflow")
    delivers: ClassVar[bool] = True

    augment: AugmentSettings
    images: Positive
    variants: Positive
    seed: Seed

    def run(self, context: Context) -> None:
        """Draws and saves preview.png."""
        import numpy as np

        from pipeline.data.augmentation.policy import check
        from pipeline.data.augmentation.preview import preview
        from pipeline.data.files import load

        dataset = load(context.inputs["data"].files)
        if dataset.info.kind != "image":
            raise InputError("the data is a table; accepted: images (set by inputs.data)")
        policy = self.augment.policy()
        with blame("augment"):
            check(policy, dataset.info)
        if not policy.active:
            context.note("the preview shows no change: no augmentation is on")
        count = min(self.images, len(dataset.train.labels))
        chosen = np.sort(np.random.default_rng(self.seed).choice(len(dataset.train.labels), count, replace=False))
        picture = preview(
            dataset.train.decoded(chosen), dataset.info.scale, policy, seed=self.seed, variants=self.variants
        )
        (context.output / "preview.png").write_bytes(picture)
