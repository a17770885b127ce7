"""A teaching's files: what teachers say of every training example, and what is known about it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError, InputError
from pipeline.engine.stage import Context, Progress, Stage

LOGITS, HINTS, DESCRIPTION = "logits.npy", "hints.npy", "teaching.json"


def write_teaching(examples: Any, steps: int, count: int, outputs: Any, hints: Any, context: Context) -> float:
    """Writes the teachers' logits, and their features if hints are wanted, batch by batch.

    Args:
        examples: Batches of features and labels, in the examples' order.
        steps: How many.
        count: Of examples.
        outputs: From features to logits, as `teach` returns it.
        hints: A model from features to those of a layer, or None.
        context: Of the stage.

    Returns:
        The accuracy on these examples.
    """
    import contextlib

    import numpy as np

    from pipeline.data.files import write_header

    correct = 0
    with contextlib.ExitStack() as stack:
        # Not numpy's own writing, which hides why the operating system refused it.
        files = {
            name: stack.enter_context((context.output / name).open("wb"))
            for name in ((LOGITS,) if hints is None else (LOGITS, HINTS))
        }
        for step, (features, labels) in enumerate(examples, start=1):
            logits = outputs(features)[0].numpy()
            said = {LOGITS: logits} if hints is None else {LOGITS: logits, HINTS: hints.predict_on_batch(features)}
            for name, rows in said.items():
                if not np.isfinite(rows).all():
                    raise InputError(f"a teacher's outputs for training batch {step} of {steps} are not finite")
                if step == 1:
                    write_header(files[name], rows.dtype, (count, *rows.shape[1:]))
                files[name].write(np.ascontiguousarray(rows).view(np.uint8).data)
            correct += int((logits.argmax(axis=1) == labels.numpy()).sum())
            context.progress(Progress(step, steps, f"batch {step}/{steps}"))
    return correct / count


def read_teaching(folder: Path, dataset: Any) -> tuple[dict[str, Any], Any]:
    """Returns what a teaching says of itself, and its logits, memory-mapped.

    Args:
        folder: The artifact's files.
        dataset: Which it is to go with.

    Raises:
        ValueError: If it is of other classes or other examples.
    """
    import numpy as np

    found = json.loads((folder / DESCRIPTION).read_text())
    classes, examples = list(dataset.info.class_names), len(dataset.train.labels)
    if found["classes"] != classes:
        raise ValueError(
            f"the teacher knows {len(found['classes'])} classes ({shown(found['classes'])}), and the data has "
            f"{len(classes)} ({shown(classes)}); accepted: a teaching of the same classes"
        )
    if found["labels"] != labels_digest(dataset.train.labels):
        raise ValueError(
            f"the teaching is of other examples ({found['examples']:,} of them) than the training part "
            f"({examples:,}); accepted: a teaching of the same examples, in one order"
        )
    return found, np.load(folder / LOGITS, mmap_mode="r", allow_pickle=False)


def labels_digest(labels: Any) -> str:
    """Returns the SHA-256 of labels, as hex digits, which tells a teaching of other examples or another order."""
    return hashlib.sha256(labels.tobytes()).hexdigest()


def shown(names: Iterable[str], most: int = 3) -> str:
    """Returns the first few names, for an error."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def check_classes(upstream: Mapping[str, Stage]) -> None:
    """Refuses data whose configured task is not a classification.

    Raises:
        ConfigError: Naming the input.
    """
    task = getattr(getattr(upstream.get("data"), "data", None), "task", None)
    if task in ("regression", "multi_label"):
        raise ConfigError("inputs.data", f"a {task} has no classes to teach", accepted=["classification"])


def require_classes(info: Any) -> None:
    """Refuses data that is found not to be of a classification.

    Raises:
        InputError: Naming its task.
    """
    if info.task != "classification":
        raise InputError(f"a {info.task} has no classes to teach; accepted: classification (set by inputs.data)")
