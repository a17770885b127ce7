"""Times a new user's two paths from an empty store, and counts their lines: python scripts/time_new_user.py.

Writes a table, a model and pictures to a temporary folder, takes the YAML out of docs/own_csv.md and docs/own_model.md
and runs the commands that stand there.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from new_user import write_experiment, write_model, write_pictures, write_table

PATHS = {
    "own_csv.md": ("a CSV of 150 rows to a report", "outputs/*/*/report/report.html"),
    "own_model.md": ("a .keras model and 120 JPEG files to a TFLite file", "outputs/*/*/export/model.tflite"),
}


def main() -> None:
    """Runs both paths and prints their times.

    Raises:
        SystemExit: If a command fails or leaves no file.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "flowers.csv")
        write_pictures(folder / "pictures")
        write_model(folder / "mine.keras")
        for page, (what, wanted) in PATHS.items():
            yaml, arguments = write_experiment(page, folder)
            begun = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "pipeline", *arguments],
                cwd=folder,
                env={**os.environ, "FRUGAL_STORE": str(folder / f"store {page}")},
                capture_output=True,
                text=True,
                check=False,
            )
            spent = time.monotonic() - begun
            if done.returncode or not (found := list(folder.glob(wanted))):
                sys.exit(f"{page}: {done.stderr or 'no ' + wanted}")
            lines = len(yaml.read_text().splitlines())
            print(f"{what}: {lines} lines of YAML, {spent:.1f} s, {found[0].name} of {found[0].stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
