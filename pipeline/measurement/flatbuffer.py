"""Opens a `.tflite` file as the object tree of its FlatBuffers schema."""

import struct
from pathlib import Path
from typing import Any

FILE_IDENTIFIER = b"TFL3"
_EXTERNAL_DATA_OFFSET = 2  # offsets 0 and 1 mean "inside the flatbuffer" in schema.fbs


def load_model(path: Path) -> Any:
    """Parses a `.tflite` file.

    Args:
        path: The exported model.

    Returns:
        The schema's `ModelT`; its constant buffers are `uint8` arrays that view the file's content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not TFLite, is truncated, or keeps weights outside the flatbuffer (past 2 GB).

    Source: tensorflow/compiler/mlir/lite/schema/schema.fbs.
    """
    from ai_edge_litert import schema_py_generated as schema

    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}: expected an exported .tflite file")
    content = path.read_bytes()
    if content[4:8] != FILE_IDENTIFIER:
        raise ValueError(
            f"{path} is not a TFLite model: bytes 4 to 8 are {content[4:8]!r}, expected {FILE_IDENTIFIER!r}"
        )
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} is truncated or corrupt: its {len(content)} bytes do not parse as TFLite") from error
    if not model.subgraphs or not model.buffers:
        raise ValueError(f"{path} is truncated or corrupt: it holds no graph")
    if any(buffer.offset >= _EXTERNAL_DATA_OFFSET for buffer in model.buffers):
        raise ValueError(f"{path} keeps weights outside its flatbuffer: only models below 2 GB are accepted")
    return model


def operator_name(model: Any, operator: Any) -> str:
    """Names an operator as the schema does (`CONV_2D`), a custom one by its custom code."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    # Files older than schema 3a keep the code in the deprecated byte; newer ones keep it in both when it fits.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return code.customCode.decode() if isinstance(code.customCode, bytes) else str(code.customCode)
    return _enum_name(schema.BuiltinOperator, number)


def type_name(tensor: Any) -> str:
    """Names a tensor's element type as the schema does (`FLOAT32`)."""
    from ai_edge_litert import schema_py_generated as schema

    return _enum_name(schema.TensorType, tensor.type)


def _enum_name(enumeration: type, number: int) -> str:
    return next((name for name, value in vars(enumeration).items() if value == number), f"UNKNOWN_{number}")
