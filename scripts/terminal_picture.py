r"""Pictures of what a command shows on a terminal: at a moment of the run, and at its end.

    uv run --with pyte python scripts/terminal_picture.py --when 'prune .* epoch 30/' --name terminal -- \\
        python -m pipeline +experiment=digits

Runs the command on a terminal of its own, keeps the screen as a terminal would show it when a line of it first matches
`--when`, and the last screen, and lets Chromium draw both: scripts/pictures/<name>_running.png and <name>_end.png.
"""

import argparse
import codecs
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pyte
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

PICTURES = Path(__file__).parent / "pictures"
PAGE = """<!doctype html><meta charset="utf-8">
<style>body {{ margin: 0; background: {background}; color: {foreground} }}
pre {{ margin: 0; padding: 1rem; width: max-content; font: 14px/1.35 "DejaVu Sans Mono", monospace }}</style>
<pre>{code}</pre>"""


def run(command: list[str], columns: int, rows: int, when: str) -> list[Text]:
    """Returns the screen at the moment asked for, if it came, and the last one."""
    screen = pyte.Screen(columns, rows)
    stream, decode = pyte.Stream(screen), codecs.getincrementaldecoder("utf-8")(errors="replace")
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    kept = []
    while True:
        try:
            stream.feed(decode.decode(os.read(ours, 65536)))
        except OSError:  # the command has closed its terminal
            break
        if not kept and any(re.search(when, line) for line in screen.display):
            kept.append(coloured(screen))
    if process.wait():
        sys.exit(f"the command ended with {process.returncode}:\n" + "\n".join(screen.display))
    return [*kept, coloured(screen)]


def coloured(screen: pyte.Screen) -> Text:
    """Returns a screen as text with its colours, without the empty lines below."""
    lines = []
    for row in range(screen.lines):
        line = Text()
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            line.append(cell.data, Style(color=color(cell.fg), bgcolor=color(cell.bg), bold=cell.bold or None))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return Text("\n").join(lines)


def color(name: str) -> str | None:
    """Returns a colour of pyte as Rich writes it."""
    if name == "default":
        return None
    bright = name.startswith("bright")
    name = {"brown": "yellow"}.get(name.removeprefix("bright"), name.removeprefix("bright"))
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return f"bright_{name}" if bright else name


def draw(text: Text, path: Path) -> None:
    """Writes a picture of a screen."""
    console = Console(record=True, width=400, file=io.StringIO())
    console.print(text, soft_wrap=True)
    html = console.export_html(theme=DIMMED_MONOKAI, code_format=PAGE, inline_styles=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=["--no-sandbox"]
        )
        page = browser.new_page(device_scale_factor=1.5)
        page.set_content(html)
        page.locator("pre").screenshot(path=path)
        browser.close()


def main() -> None:
    """Runs the command and writes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--when", required=True, help="a regular expression of a line on the screen")
    parser.add_argument("--name", required=True, help="of the pictures")
    parser.add_argument("--columns", type=int, default=110)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("command", nargs="+", help="after --")
    options = parser.parse_args()
    screens = run(options.command, options.columns, options.rows, options.when)
    if len(screens) < 2:
        sys.exit(f"no line matched {options.when}")
    for name, screen in zip(("running", "end"), screens, strict=True):
        path = PICTURES / f"{options.name}_{name}.png"
        draw(screen, path)
        print(path)


if __name__ == "__main__":
    main()
