"""Turns what Hydra and OmegaConf raise into the one line that a user can act on."""

import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from pipeline.engine.errors import ConfigError, PipelineError, one_line


class ReportedError(Exception):
    """A failed job whose line has been shown already.

    Args:
        exit_code: What the process should exit with.
        cause: The line.
    """

    def __init__(self, exit_code: int, cause: str = "") -> None:
        super().__init__(exit_code, cause)
        self.exit_code = exit_code
        self.cause = cause


def explain(error: Exception) -> tuple[str, int]:
    """Returns the line to show (empty if it was shown already) and the exit code."""
    if isinstance(error, ReportedError):
        return "", error.exit_code
    if isinstance(error, PipelineError):
        return str(error), error.exit_code
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return str(_missing_option(error)), ConfigError.exit_code
    if isinstance(error, MissingMandatoryValue):
        return str(ConfigError(str(error.full_key), "missing; it must be given")), ConfigError.exit_code
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return str(_unknown_key(cause)), ConfigError.exit_code
    if isinstance(error, OverrideParseException):
        return f"{error.override}: can't be read as an override; accepted: key=value", ConfigError.exit_code
    if isinstance(error, HydraException | OmegaConfBaseException | yaml.YAMLError):
        return one_line(str(error)), ConfigError.exit_code
    if isinstance(error, OSError):
        return one_line(str(error)), 1
    return f"{type(error).__name__}: {one_line(str(error))} (HYDRA_FULL_ERROR=1 shows the trace)", 1


def _missing_option(error: MissingConfigException) -> ConfigError:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return ConfigError("--config-name", "no such configuration", value=option)
    if group.lstrip("/") == "hydra/launcher" and option.startswith(("joblib", "submitit")):
        return ConfigError(group.lstrip("/"), "not installed; accepted: uv sync --extra launchers", value=option)
    if not error.options:
        return ConfigError(group.lstrip("/"), "no such group or option", value=option)
    return ConfigError(group.lstrip("/"), "no such option", value=option, accepted=error.options, name=option)


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> ConfigError:
    parent = error.parent_node
    accepted = sorted(map(str, parent.keys())) if isinstance(parent, DictConfig) else []
    return ConfigError(str(error.full_key), "unknown key", accepted=accepted, name=str(error.key))
