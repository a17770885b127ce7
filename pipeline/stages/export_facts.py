"""What a user of an exported model must know: what goes in, what comes out, and what it was made from."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pipeline.engine.artifact import canonical
from pipeline.engine.stage import Context

FEATURES = {
    "image": "pixels as they are stored, not scaled: scaling is part of the model",
    "table": "a number for each column, in the order of columns and not scaled: scaling is part of the model. A text "
    "is 1 + its place in the column's vocabulary, 0 if it isn't there; what is missing is missing_becomes. The "
    "SavedModel's serving_default takes raw columns and does all of that",
}
"""What the caller must do to the features, by the kind of the examples."""

OUTPUTS = {
    "classification": "a logit for each of class_names; their softmax gives the probabilities",
    "multi_label": "a logit for each of class_names; the sigmoid of each is its probability",
    "regression": "a number in the units of the target, which class_names names",
}
"""What the numbers mean that the model gives, by task."""


def described(info: Any) -> dict[str, Any]:
    """Returns the model's labels, its input and its output, from what is known of its data set."""
    from pipeline.compression.serving import argument_names

    arguments = argument_names(info.feature_names)
    return {
        "task": info.task,
        "class_names": list(info.class_names),
        "input_shape": list(info.feature_shape),
        "columns": [
            {
                "name": column.name,
                "argument": argument,
                "kind": column.kind,
                "missing_becomes": column.fill,
                "vocabulary": list(column.vocabulary),
            }
            for column, argument in zip(info.columns, arguments, strict=True)
        ],
        "preprocessing": {
            "features": FEATURES[info.kind],
            "stored_as": info.dtype,
            **({"scale": info.scale} if info.kind == "image" else {}),
        },
        "output": OUTPUTS[info.task],
    }


def provenance(context: Context, libraries: Mapping[str, str]) -> dict[str, Any]:
    """Returns what an artifact was made from: nothing but what its key says too, so no name, path or time.

    Args:
        context: Of the stage that makes it.
        libraries: The versions of those that the stage uses.
    """
    upstream = sorted(context.lineage.values(), key=lambda manifest: manifest["key"])
    versions = dict(libraries)
    for manifest in upstream:
        versions |= manifest["identity"]["libraries"]
    told = {
        "key": context.key,
        "inputs": {name: artifact.key for name, artifact in context.inputs.items()},
        "stages": [_made(manifest["key"], manifest["identity"]) for manifest in upstream],
        "libraries": versions,
    }
    return json.loads(canonical(told))  # one order, whatever that of the manifests


def _made(key: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: identity[name] for name in ("kind", "settings", "inputs")}
    sources = identity["sources"]
    if sources:  # a folder of images has more files than anyone wants listed in a model
        made["sources"] = {"files": len(sources), "sha256": hashlib.sha256(canonical(sources)).hexdigest()}
    return {"key": key, **made}
