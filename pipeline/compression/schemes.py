"""The schemes of quantization after training, and what goes with each; known without TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Scheme = Literal["dynamic", "float16", "int8", "int16x8"]
"""dynamic: weights in 8 bits, activations quantized as they come. float16: weights in 16 bits, computed in float32.
int8: weights and activations in 8 bits. int16x8: activations in 16 bits, weights in 8."""

Int8InputType = Literal["float32", "int8", "uint8"]

InputType = Literal[Int8InputType, "int16"]

INPUTS: Mapping[str, tuple[InputType, ...]] = {
    "dynamic": ("float32",),
    "float16": ("float32",),
    "int8": get_args(Int8InputType),
    "int16x8": ("float32", "int16"),
}
"""The types that a file's input and output can have, by scheme."""

CALIBRATED = ("int8", "int16x8")
"""Schemes that must see real examples, whose activations set the ranges."""

EXCLUDING = ("int8",)
"""Schemes that can leave layers in float32."""


def check_scheme(scheme: str, *, input_type: str = "float32", exclude: Sequence[str] = ()) -> None:
    """Refuses settings that do not go together.

    Raises:
        ValueError: Naming the setting and what would be accepted.
    """
    if scheme not in get_args(Scheme):
        raise ValueError(f"scheme={scheme}; accepted: {', '.join(get_args(Scheme))}")
    if input_type not in INPUTS[scheme]:
        raise ValueError(f"input_type={input_type} of scheme={scheme}; accepted: {', '.join(INPUTS[scheme])}")
    if exclude and scheme not in EXCLUDING:
        raise ValueError(f"exclude={','.join(exclude)} of scheme={scheme}; accepted with it: []")
