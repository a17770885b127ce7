"""The `encode` stage: the training part in fewer bytes."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.settings import NotNegative, Positive


@dataclass(config=STRICT, kw_only=True)
class Encode(Stage):
    """Stores the training part in a narrower type, as records, or both; the other parts stay as they are."""

    kind: ClassVar[str] = "encode"
    produces: ClassVar[str] = "dataset"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pillow", "tensorflow")

    dtype: Literal["auto", "float16", "bfloat16", "uint8", "integer"] | None
    tolerance: NotNegative
    codec: Literal["raw", "jpeg", "png", "webp"] | None
    quality: Annotated[int, pydantic.Field(ge=1, le=100)] | None
    compression: Literal["none", "zlib", "gzip"]
    shards: Positive

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses settings that would change nothing."""
        del upstream
        if self.dtype is None and self.codec is None:
            raise ConfigError("dtype", "missing; without it or codec nothing is encoded")
        if self.codec is None and self.compression != "none":
            raise ConfigError("compression", "is of records", value=self.compression, accepted=["none, or a codec"])
        if self.quality is not None and self.codec not in ("jpeg", "webp"):
            raise ConfigError("quality", f"{self.codec} has none", value=self.quality, accepted=["null, or jpeg, webp"])

    def run(self, context: Context) -> None:
        """Encodes, reads back, and saves the data set."""
        from dataclasses import replace

        from pipeline.data.dataset import PARTS
        from pipeline.data.encoding.narrow import narrow
        from pipeline.data.encoding.quality import psnr
        from pipeline.data.encoding.records import write_part
        from pipeline.data.files import load, records_folder, save

        dataset = load(context.inputs["data"].files)
        train = dataset.train
        rows: list[list[str | int | float]] = []
        if self.dtype is not None:
            with blame("dtype"):
                train, loss = narrow(train, dataset.info, dtype=self.dtype, tolerance=self.tolerance)
            if train is dataset.train:
                context.note(f"narrowing changed nothing: {loss.dtype} is the narrowest type within the tolerance")
            rows.append(["largest error, share of the range", loss.relative])
        encoded = replace(dataset, train=train)
        if self.codec is None:
            save(encoded, context.output)
        else:
            save(encoded, context.output, parts=PARTS[1:])
            with blame("codec"):
                write_part(
                    train,
                    dataset.info,
                    records_folder(context.output, "train"),
                    codec=self.codec,
                    quality=self.quality,
                    compression=self.compression,
                    shards=self.shards,
                )
        read = load(context.output).train
        peak = dataset.info.scale if dataset.info.kind == "image" else None
        if peak is not None:
            found = psnr(dataset.train.decoded(slice(None)), read.decoded(slice(None)), peak)
            rows.append(["PSNR", "lossless" if found == float("inf") else f"{found:.1f} dB"])
        before, after = part_bytes(context.inputs["data"].files), part_bytes(context.output)
        rows += [["bytes before", before], ["bytes after", after], ["times smaller", before / after]]
        context.show(Exhibit("storage of the training part", ["", "training part"], rows))


def part_bytes(folder: Any) -> int:
    """Returns the bytes of the files that hold the training part."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and "train" in str(path.relative_to(folder))
    )
