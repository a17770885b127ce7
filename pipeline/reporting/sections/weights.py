"""What the exported files' kernels hold: zeros by layer, and the spread of all other weights."""

from typing import Any

from pipeline.reporting.charts.weights import Histogram
from pipeline.reporting.document import Document, Layer, measurement_of
from pipeline.reporting.figures import format_percent
from pipeline.reporting.sections.classes import MOST_MODELS
from pipeline.reporting.sections.tables import Cell, Table, drawn

_MOST_LAYERS = 30


def weights(document: Document) -> dict[str, Any] | None:
    """Prepares the chart of zeros by layer, the histograms, and the table of layers; None without such figures.

    A converter may leave out a layer's name; models whose kernels have the shapes of those of the model before, one by
    one, take its names.
    """
    base = measurement_of(document, document["before"]).get("weights")
    if base is None or not base["layers"]:
        return None
    known = [(layer["name"], layer["shape"]) for layer in base["layers"]]
    models: dict[str, dict[str, Layer]] = {}
    for model in document["models"]:
        if (found := model["measurement"].get("weights")) is None or not found["layers"]:
            continue
        alike = [layer["shape"] for layer in found["layers"]] == [shape for _, shape in known]
        names = [name for name, _ in known] if alike else [layer["name"] for layer in found["layers"]]
        models[model["name"]] = dict(zip(names, found["layers"], strict=True))
    layers = list(dict.fromkeys(name for each in models.values() for name in each))
    return {
        "sparsity": _sparsity(models, layers),
        "histograms": _histograms(document, list(models)[:MOST_MODELS]),
        "table": _table(models, layers),
    }


def _zeros(layer: Layer | None) -> float | None:
    return None if layer is None else 1 - layer["nonzero"] / layer["parameters"] if layer["parameters"] else 0.0


def _sparsity(models: dict[str, dict[str, Layer]], layers: list[str]) -> Any:
    """Prepares the chart of the models that have zeros; None if none has one in a hundred."""
    shares = {name: [_zeros(found.get(layer)) for layer in layers] for name, found in models.items()}
    shares = {name: found for name, found in shares.items() if max(share or 0 for share in found) >= 0.01}
    shares = dict(list(shares.items())[:MOST_MODELS])
    if not shares:
        return None
    largest = {
        layer: max(found[layer]["parameters"] for found in models.values() if layer in found) for layer in layers
    }
    kept = set(sorted(layers, key=lambda layer: -largest[layer])[:_MOST_LAYERS])
    places = [place for place, layer in enumerate(layers) if layer in kept]
    told = "; ".join(
        f"{name}: " + ", ".join(f"{layers[place]} {format_percent(found[place] or 0)}" for place in places[:8])
        for name, found in shares.items()
    )
    return drawn(
        "sparsity",
        layers=[layers[place] for place in places],
        shares={name: [found[place] for place in places] for name, found in shares.items()},
        alternative=f"Share of zeros by layer. {told}",
    )


def _histograms(document: Document, names: list[str]) -> Any:
    histograms, told = {}, []
    for name in names:
        found = measurement_of(document, name)["weights"]
        counts = [sum(bins) for bins in zip(*(layer["counts"] for layer in found["layers"]), strict=True)]
        histograms[name] = Histogram(found["low"], found["high"], counts)
        filled = sum(1 for count in counts if count)
        told.append(f"{name}: {sum(counts):,} weights up to {found['high']:.3g}, in {filled} of {len(counts)} bins")
    return drawn(
        "weights",
        histograms=histograms,
        before=document["before"],
        alternative=f"Histograms of the kernels' weights other than 0. {'; '.join(told)}",
    )


def _table(models: dict[str, dict[str, Layer]], layers: list[str]) -> Table:
    rows = []
    for name in layers:
        first = next(found[name] for found in models.values() if name in found)
        cells = [
            Cell(name),
            Cell(" x ".join(map(str, first["shape"]))),
            Cell(f"{first['parameters']:,}", first["parameters"]),
        ]
        for found in models.values():
            share = _zeros(found.get(name))
            cells.append(Cell("not there") if share is None else Cell(format_percent(share), share))
        rows.append(cells)
    columns = ["Layer", "Shape", "Weights", *models]
    caption = "Zeros in each kernel of the exported files; shape and weights are those of the first model that has it"
    return Table(caption, columns, [place > 1 for place in range(len(columns))], rows)
