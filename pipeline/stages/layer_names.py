"""What can be refused before anything runs where the names of a model's layers are known."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import Stage
from pipeline.stages.train import Train


def known_layers(upstream: Mapping[str, Stage]) -> list[str] | None:
    """Returns the layers with a kernel of the model that feeds a stage, where its family is known before it runs."""
    model = upstream.get("model")
    return model.model.kernels if isinstance(model, Train) and model.model is not None else None


def check_names(key: str, names: Iterable[str], accepted: Sequence[str], problem: str) -> None:
    """Refuses a name that no layer has.

    Args:
        key: The setting that has the names.
        names: What it names.
        accepted: What it may name.
        problem: What a name is that is none of them, such as "no such layer to prune".

    Raises:
        ConfigError: Naming the first.
    """
    for name in names:
        if name not in accepted:
            raise ConfigError(key, problem, value=name, accepted=accepted, name=name)


def check_left(exclude: Sequence[str], layers: Iterable[str], purpose: str) -> None:
    """Refuses to exclude every layer that a stage could work on.

    Raises:
        ConfigError: With the purpose, such as "prune".
    """
    if set(exclude) >= set(layers):
        raise ConfigError("exclude", f"leaves no layer to {purpose}", value=",".join(exclude))
