"""From the settings of a model family to a new model for a data set."""

import dataclasses
from typing import Any

from pipeline.stages.settings import Family, MlpSettings


def build_model(settings: Family | None, info: Any) -> Any:
    """Returns a new model for a data set.

    Raises:
        ValueError: If there are no settings, or the family can't take its examples.
    """
    from pipeline.models.cnn import cnn
    from pipeline.models.inputs import image_input, table_input
    from pipeline.models.mlp import mlp
    from pipeline.models.mobilenet import mobilenet
    from pipeline.models.resnet import resnet

    if settings is None:
        raise ValueError("null is no model; accepted: a family's settings")
    if info.kind == "table" and not isinstance(settings, MlpSettings):
        raise ValueError(f"a {settings.family} takes images, and the data is a table; accepted: mlp")
    front = image_input(info.feature_shape, scale=info.scale) if info.kind == "image" else table_input(info.columns)
    options = dataclasses.asdict(settings)
    family: Any = {"mlp": mlp, "cnn": cnn, "resnet": resnet, "mobilenet": mobilenet}[options.pop("family")]
    return family(
        *front,
        len(info.class_names),
        task=info.task,
        target_mean=info.target_mean,
        target_variance=info.target_variance,
        **options,
    )
