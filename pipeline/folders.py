"""Where the configurations are: those that come with the package, or the folder that FRUGAL_CONF names."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIPPED = next(folder for folder in (HERE / "conf", HERE.parent / "conf") if (folder / "config.yaml").is_file())
CONF = Path(os.environ.get("FRUGAL_CONF") or SHIPPED).resolve()
