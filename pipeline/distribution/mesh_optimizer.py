"""What an optimizer on a mesh of devices can't do; asked before anything starts, so nothing is imported."""

from typing import Any

ACCEPTED = {
    "state_dtype": "float32",
    "sparse_update": "exact",
    "gradient_accumulation_steps": 1,
    "use_ema": False,
    "amsgrad": False,
}


def check_optimizer(optimizer: Any) -> None:
    """Refuses what an optimizer does that DTensor can't.

    Args:
        optimizer: A Keras optimizer, or its settings under the same names; what it lacks, it does not do.

    Raises:
        ValueError: Naming the setting.
    """
    for name, accepted in ACCEPTED.items():
        if (value := getattr(optimizer, name, None) or accepted) != accepted:
            raise ValueError(f"{name}={value} can't run on a mesh of devices; accepted: {accepted}")
