"""Where the configurations are: those that come with the package, or the folder that FRUGAL_CONF names."""

import os
from pathlib import Path

from pipeline.engine.errors import ConfigError

HERE = Path(__file__).resolve().parent
SHIPPED = next(folder for folder in (HERE / "conf", HERE.parent / "conf") if (folder / "config.yaml").is_file())
CONF = Path(os.environ.get("FRUGAL_CONF") or SHIPPED).resolve()


def require_configurations() -> None:
    """Raises ConfigError if the folder that FRUGAL_CONF names is none of configurations."""
    if not (CONF / "config.yaml").is_file():
        raise ConfigError("FRUGAL_CONF", "no config.yaml in it", value=str(CONF), accepted=["a copy of conf/"])
