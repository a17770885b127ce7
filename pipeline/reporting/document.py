"""The plain data a report is made of."""

from typing import TypedDict

from typing_extensions import NotRequired

VERSION = 2
"""Of the format below. Version 1 had none of `version`, `run`, `confusion`, `classes`, `weights` and `lines`."""


class Latency(TypedDict):
    """Milliseconds for one inference."""

    p50: float
    p90: float
    p99: float
    mean: float


class Layer(TypedDict):
    """A kernel of an exported model; `counts` is the histogram of its weights other than zero."""

    name: str
    operator: str
    shape: list[int]
    parameters: int
    nonzero: int
    counts: list[int]


class Weights(TypedDict):
    """The kernels of an exported model; their histograms have bins of one width from `low` to `high`."""

    low: float
    high: float
    layers: list[Layer]


class Measurement(TypedDict):
    """What was measured of one model: `accuracy`, `f1` and `sparsity` in 0 to 1, sizes and memory in bytes.

    The figures of quality depend on the task: `accuracy` of a classification, and `confusion`, its examples by true
    class (row) and predicted class (column), where they are not too many; `r2`, `rmse` and `mae` of a regression;
    `f1` (micro) and `subset_accuracy` of a multi_label one.
    """

    task: str
    accuracy: NotRequired[float]
    correct: NotRequired[int]
    confusion: NotRequired[list[list[int]]]
    classes: NotRequired[list[str]]
    r2: NotRequired[float]
    rmse: NotRequired[float]
    mae: NotRequired[float]
    f1: NotRequired[float]
    subset_accuracy: NotRequired[float]
    examples: int
    bytes: int
    deflated_bytes: int
    parameters: int
    nonzero_parameters: int
    sparsity: float
    weights: NotRequired[Weights]
    flops: int
    uncounted_ops: list[str]
    latency_ms: Latency
    peak_memory_bytes: int
    threads: int
    interpreter: str
    cpu: str


class Model(TypedDict):
    """A measured model, the name it goes by, and the stage that measured it."""

    name: str
    stage: str
    measurement: Measurement


class Cost(TypedDict):
    """What a stage consumed: seconds, bytes, and how often it was tried."""

    wall_seconds: float
    core_seconds: float
    peak_bytes: int
    bytes_read: int
    bytes_written: int
    attempts: int


class Exhibit(TypedDict):
    """A table that a stage shows; `bars` names the column that is drawn as bars, if any, and `line` that as a line.

    The line runs over the first column, on a logarithmic axis if `log_x`. `lines` names the columns of each panel of
    several lines. What was made before there were lines has none of these keys.
    """

    title: str
    columns: list[str]
    rows: list[list[str | int | float]]
    bars: str | None
    line: NotRequired[str | None]
    log_x: NotRequired[bool]
    lines: NotRequired[list[list[str]]]


class Stage(TypedDict):
    """A step of the run: `inputs` maps each input to the stage it comes from, `created` is an ISO 8601 time."""

    name: str
    kind: str
    key: str
    inputs: dict[str, str]
    notes: list[str]
    exhibits: list[Exhibit]
    created: str
    run: str
    cost: Cost


class Environment(TypedDict):
    """Where the run took place; `libraries` maps names to versions."""

    python: str
    platform: str
    cpu: str
    cores: int
    libraries: dict[str, str]


class Document(TypedDict):
    """A whole run: `before` names the model all others are compared with, `config` is YAML, `run` names the run.

    `per_core_hour` is the price of one core for one hour, in `currency`.
    """

    version: NotRequired[int]
    run: NotRequired[str]
    title: str
    command: str
    config: str
    before: str
    models: list[Model]
    stages: list[Stage]
    environment: Environment
    per_core_hour: float
    currency: str


def check_version(document: Document) -> None:
    """Refuses a document that a later version of the format may have given another meaning.

    Raises:
        ValueError: Naming both versions.
    """
    found = document.get("version", 1)
    if not isinstance(found, int) or not 1 <= found <= VERSION:
        raise ValueError(f"version={found}: made by another version of the program; accepted: 1 to {VERSION}")


def measurement_of(document: Document, name: str) -> Measurement:
    """Finds a model's measurement.

    Raises:
        ValueError: If no model has that name.
    """
    for model in document["models"]:
        if model["name"] == name:
            return model["measurement"]
    known = ", ".join(model["name"] for model in document["models"]) or "none"
    raise ValueError(f"the report has no model {name!r}: its models are {known}")
