"""Small real stages with which the engine is tested without any machine learning."""

import os
from pathlib import Path
from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.stage import STRICT, Context, Stage


@dataclass(config=STRICT, kw_only=True)
class Number(Stage):
    """Writes a number, or the content of a file."""

    kind: ClassVar[str] = "number"
    produces: ClassVar[str] = "number"
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    value: int = 1
    file: str | None = None

    def sources(self):
        return {Path(self.file).name: Path(self.file)} if self.file else {}

    def run(self, context: Context) -> None:
        text = Path(self.file).read_text() if self.file else str(self.value)
        (context.output / "number.txt").write_text(text)


@dataclass(config=STRICT, kw_only=True)
class Add(Stage):
    """Adds two numbers, counting its runs outside the store; fails when told to."""

    kind: ClassVar[str] = "add"
    produces: ClassVar[str] = "number"
    accepts: ClassVar[dict] = {"left": ("number",), "right": ("number",)}
    delivers: ClassVar[bool] = True

    fail: bool = False

    def run(self, context: Context) -> None:
        context.log.info("adding")
        os.write(2, b"native noise\n")
        if self.fail:
            raise ValueError("told\nto fail")
        total = sum(int(each.path("number.txt").read_text()) for each in context.inputs.values())
        (context.output / "number.txt").write_text(str(total))
        if total == 0:
            context.note("the sum is nothing")


@dataclass(config=STRICT, kw_only=True)
class Word(Stage):
    """Gives something that is no number."""

    kind: ClassVar[str] = "word"
    produces: ClassVar[str] = "word"

    def run(self, context: Context) -> None:
        (context.output / "word.txt").write_text("word")


KINDS = {stage.kind: stage for stage in (Number, Add, Word)}
