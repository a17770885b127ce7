"""What can be refused before anything runs where the data is known to be a table."""

from collections.abc import Mapping

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import Stage
from pipeline.stages.settings import AugmentSettings, MlpSettings, ModelSettings


def example_kind(upstream: Mapping[str, Stage]) -> str | None:
    """Returns whether the data is images or a table, where the stage that gives it knows before it runs."""
    return getattr(upstream.get("data"), "example_kind", None)


def check_augment(augment: AugmentSettings, upstream: Mapping[str, Stage]) -> None:
    """Refuses image-only augmentation of a table.

    Raises:
        ConfigError: Naming the first that is on.
    """
    if example_kind(upstream) == "table":
        for name in augment.of_images():
            raise ConfigError(f"augment.{name}", "takes images, and the data is a table", accepted=["0 or false"])


def check_family(model: ModelSettings, upstream: Mapping[str, Stage]) -> None:
    """Refuses a model that takes images on a table.

    Raises:
        ConfigError: Naming the family.
    """
    if example_kind(upstream) == "table" and not isinstance(model, MlpSettings):
        problem = "takes images, and the data is a table"
        raise ConfigError("model.family", problem, value=model.family, accepted=["mlp"])
