"""The `prune_channels` stage: a trained model without the channels that matter least, fine-tuned."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.layer_names import check_left, check_names, known_layers
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES, Fraction, Positive
from pipeline.stages.training import TrainingStage, write_model


@dataclass(config=STRICT, kw_only=True)
class PruneChannels(TrainingStage):
    """Removes whole channels and units, then fine-tunes the smaller model."""

    kind: ClassVar[str] = "prune_channels"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "scipy")
    wraps: ClassVar[bool] = True

    share: Fraction
    criterion: Literal["l1", "l2", "batch_norm"]
    multiple: Positive
    exclude: list[str] = field(default_factory=list)
    per_layer: dict[str, Fraction] = field(default_factory=dict)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses names of layers that the model won't have, and one that is to keep and to lose channels."""
        super().check(upstream)
        for name in self.per_layer:
            if name in self.exclude:
                raise ConfigError("per_layer", "in exclude too", value=name, accepted=["a layer that is not excluded"])
        known = known_layers(upstream)
        if known is None:
            return
        layers = [name for name in known if name != "logits"]
        check_names("exclude", self.exclude, known, "no such layer to prune")
        check_names("per_layer", self.per_layer, layers, "no such layer to prune")
        check_left(self.exclude, layers, "prune")

    def work(self, context: Context) -> None:
        """Removes channels, fine-tunes and saves the model."""
        from pipeline.compression.keep_sparsity import KeepSparsity
        from pipeline.compression.structured import remove_channels

        model, dataset = load_together(context, self.seed)
        with blame("share, criterion, exclude and per_layer"):
            smaller = remove_channels(
                model,
                share=self.share,
                criterion=self.criterion,
                exclude=self.exclude,
                per_layer=self.per_layer,
                multiple=self.multiple,
            )
        _show(model, smaller, context)
        history = self.fit(smaller, dataset, context, (KeepSparsity(smaller),))
        write_model(smaller, history, context)


def _show(model: Any, smaller: Any, context: Context) -> None:
    """Shows what was removed, and says what fine-tuning will undo."""
    from pipeline.compression.structured import widths
    from pipeline.compression.weight_form import kernel_forms

    remaining = widths(smaller)
    rows = [(name, width, remaining[name]) for name, width in widths(model).items()]
    context.show(Exhibit("channels removed", ["layer", "channels before", "after"], rows))
    for name, before, after in rows:
        context.log.info("%s: %d of %d channels remain", name, after, before)
    before, after = model.count_params(), smaller.count_params()
    context.log.info("%d of %d parameters remain", after, before)
    if after == before:
        context.note("no channel was removed: share is too small for layers this narrow, or multiple too large")
    if clustered := [name for name, form in kernel_forms(smaller).items() if form.clustered]:
        context.note(f"fine-tuning gives the clustered weights of {', '.join(clustered)} values of their own again")
