"""A small sweep, with figures chosen so that what follows from them can be worked out by hand."""

from pipeline.reporting.sweep.document import Sweep, SweepJob

SPARSITY, UNITS = "stages.prune.final_sparsity", "model.units"
OBJECTIVES = [("quality", True), ("deflated_bytes", False)]


def job(number, sparsity, accuracy, size, *, units="[32]", p50=0.01, **facts):
    figures = {"quality": accuracy, "accuracy": accuracy, "deflated_bytes": size, "latency_p50": p50, "core_seconds": 9}
    settings = {SPARSITY: str(sparsity), UNITS: units}
    return SweepJob(number, settings, seconds=3.0, model="pruned", task="classification", figures=figures, **facts)


JOBS = [
    job(0, 0.3, 0.97, 30_000, page="0/report/report.html"),
    job(1, 0.5, 0.98, 20_000),
    job(2, 0.7, 0.96, 12_000),
    job(3, 0.9, 0.90, 15_000),
    SweepJob(4, {SPARSITY: "7", UNITS: "[32]"}, "failed", "stages.prune: <b>not</b> valid", "4"),
    SweepJob(5, {SPARSITY: "0.99", UNITS: "[32]"}, "not run", "the sweep ended before"),
]

SWEEP = Sweep("digits", "python -m pipeline -m x=1,2", [SPARSITY, UNITS], OBJECTIVES, 1, JOBS)


def grid(count=16):
    """Accuracy that follows sparsity, and hardly units."""
    places = [(number, 0.1 * (number // 2), number % 2) for number in range(count)]
    return [job(n, s, 0.99 - 0.1 * s + 0.001 * u, 1000, units=f"[{32 * (1 + u)}]") for n, s, u in places]
