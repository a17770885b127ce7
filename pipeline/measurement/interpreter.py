"""Opens a `.tflite` model in the interpreter that is to be measured."""

from pathlib import Path
from typing import Any

INTERPRETERS = ("litert", "tensorflow")


def open_interpreter(model: Path, name: str, threads: int) -> tuple[Any, str]:
    """Loads a model without allocating its tensors.

    Args:
        model: The exported model.
        name: `litert` (ai-edge-litert) or `tensorflow` (`tf.lite.Interpreter`), both with their default delegate.
        threads: Threads the interpreter may use.

    Returns:
        The interpreter, and its name and version.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If there is no such interpreter, or it cannot read the file.
    """
    if name not in INTERPRETERS:
        raise ValueError(f"interpreter={name!r} is unknown: accepted are {', '.join(INTERPRETERS)}")
    if not model.is_file():
        raise FileNotFoundError(f"no model file at {model}: expected an exported .tflite file")
    if name == "litert":
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_path=str(model), num_threads=threads), f"litert {version('ai-edge-litert')}"
    from pipeline.keras import tf

    return tf.lite.Interpreter(model_path=str(model), num_threads=threads), f"tensorflow {tf.__version__}"
