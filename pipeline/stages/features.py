"""Whether a model and a data set belong together."""

from typing import Any

from pipeline.engine.errors import InputError


def require_features(model: Any, info: Any) -> None:
    """Refuses a data set whose features a model wasn't trained on, as one before or after a selection.

    Raises:
        InputError: Naming the input that is at fault.
    """
    takes, has = tuple(model.input_shape[1:]), tuple(info.feature_shape)
    if takes != has:
        raise InputError(
            f"the model takes features of shape {takes} and the data has {has}; "
            "accepted: the data that the model was trained on (set by inputs.data)"
        )
