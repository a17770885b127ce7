"""The `cluster` stage: a trained model whose weights come to share a few values while it is fine-tuned."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.layer_names import check_left, check_names, known_layers
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES
from pipeline.stages.training import TrainingStage, write_model

Clusters = Annotated[int, pydantic.Field(ge=3)]


@dataclass(config=STRICT, kw_only=True)
class Cluster(TrainingStage):
    """Clusters weights, keeping the zeros of pruned layers, then strips TFMOT's wrappers."""

    kind: ClassVar[str] = "cluster"
    wraps: ClassVar[bool] = True
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "tensorflow-model-optimization")

    clusters: Clusters
    initialization: Literal["linear", "density", "random", "kmeans++"]
    exclude: list[str] = field(default_factory=list)
    per_layer: dict[str, Clusters] = field(default_factory=dict)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses names of layers that the model won't have."""
        super().check(upstream)
        layers = known_layers(upstream)
        if layers is None:
            return
        check_names("exclude", self.exclude, layers, "no such layer to cluster")
        check_names("per_layer", self.per_layer, layers, "no such layer to cluster")
        check_left(self.exclude, layers, "cluster")

    def work(self, context: Context) -> None:
        """Clusters, fine-tunes, strips and saves the model."""
        from pipeline.compression.clustering import clusterable, strip
        from pipeline.compression.keep_sparsity import KeepSparsity

        model, dataset = load_together(context, self.seed)
        with blame("clusters, exclude and per_layer"):
            wrapped = clusterable(
                model,
                self.clusters,
                initialization=self.initialization,
                exclude=self.exclude,
                per_layer=self.per_layer,
            )
        history = self.fit(wrapped, dataset, context, (KeepSparsity(wrapped),))
        clustered = strip(wrapped)
        self._show(model, clustered, context)
        write_model(clustered, history, context)

    def _show(self, model: Any, clustered: Any, context: Context) -> None:
        """Shows what clustering did to each layer, and says which it left alone or did nothing to."""
        from pipeline.compression.clustering import clusterable_layers
        from pipeline.compression.weight_form import kernel_forms

        chosen = clusterable_layers(model, self.clusters, exclude=self.exclude, per_layer=self.per_layer)
        before, after = kernel_forms(model), kernel_forms(clustered)
        rows = [
            (
                name,
                before[name].distinct,
                after[name].distinct,
                round(before[name].sparsity, 4),
                round(form.sparsity, 4),
            )
            for name, form in after.items()
            if name in chosen
        ]
        context.show(Exhibit("clustered weights", ["layer", "values before", "after", "zeros before", "after"], rows))
        for name, old, new, _, zeros in rows:
            context.log.info("%s: %d values in place of %d, share of zeros %.3f", name, new, old, zeros)
        if small := [name for name in after if name not in (*chosen, *self.exclude)]:
            context.note(f"not clustered, for want of more weights than clusters: {', '.join(small)}")
        if all(new >= old for _, old, new, _, _ in rows):
            context.note("clustering changed nothing: no layer had more values than clusters")
