"""The `teach` stage: what teachers say of every training example, computed once for all their students."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES
from pipeline.stages.teaching import DESCRIPTION, check_classes, labels_digest, require_classes, write_teaching

BATCH = 256
"""Examples predicted at once."""


@dataclass(config=STRICT, kw_only=True)
class Teach(Stage):
    """Stores the logits of a teacher, or the mean logits of an ensemble, for the training part."""

    kind: ClassVar[str] = "teach"
    produces: ClassVar[str] = "teaching"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",), "*": ("model",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    hint: str | None

    @property
    def teachers(self) -> list[str]:
        """The inputs that are models, in an order that the configuration's does not change."""
        return sorted(name for name in self.inputs if name != "data")

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses to teach without a teacher, hints of several, and data known to have no classes."""
        check_classes(upstream)
        if not self.teachers:
            raise ConfigError("inputs", "no teacher", accepted=["data and one or more models, such as teacher: train"])
        if self.hint is not None and len(self.teachers) > 1:
            raise ConfigError("hint", "an ensemble has no layer of its own", value=self.hint, accepted=["null"])

    def run(self, context: Context) -> None:
        """Asks the teachers."""
        from pipeline.compression.distillation import teach
        from pipeline.compression.hints import hint_features
        from pipeline.data.files import load
        from pipeline.data.stream import evaluation_stream, steps_per_epoch
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        require_classes(dataset.info)
        start(0)
        models = [load_model(context.inputs[name].path("model.keras")) for name in self.teachers]
        for model in models:
            require_features(model, dataset.info)
        with blame("inputs"):
            outputs = teach(models, len(dataset.info.class_names))
        with blame("hint"):
            hints = hint_features(models[0], self.hint) if self.hint is not None else None
        train, validation = (
            evaluation_stream(part, dataset.info, BATCH) for part in (dataset.train, dataset.validation)
        )
        steps = steps_per_epoch(dataset.train, BATCH)
        right = write_teaching(train, steps, len(dataset.train.labels), outputs, hints, context)
        judged = accuracies(validation, outputs)
        alone = dict(zip(self.teachers, judged[1:], strict=True))
        found = {
            "examples": len(dataset.train.labels),
            "labels": labels_digest(dataset.train.labels),
            "classes": list(dataset.info.class_names),
            "training_accuracy": right,
            "validation_accuracy": judged[0],
            "teachers": alone,
            "hint": self.hint,
        }
        (context.output / DESCRIPTION).write_text(json.dumps(found, indent=1))
        context.log.info("validation accuracy %.4f, training accuracy %.4f", judged[0], right)
        rows = [*alone.items(), *([("their mean logits", judged[0])] if len(alone) > 1 else [])]
        context.show(Exhibit("teachers", ["teacher", "validation accuracy"], rows))


def accuracies(examples: Any, outputs: Any) -> list[float]:
    """Returns the accuracy of the teachers together, and that of each.

    Args:
        examples: Batches of features and labels.
        outputs: From features to logits, as `teach` returns it.
    """
    import numpy as np

    right = []
    for features, labels in examples:
        together, each = outputs(features)
        right.append([logits.numpy().argmax(axis=1) == labels.numpy() for logits in (together, *each)])
    return [float(share) for share in np.concatenate(right, axis=1).mean(axis=1)]
