"""What the ranks other than 0 do in a run: their share of the stages that are built together, and nothing else."""

import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pipeline.engine.display import ConsoleHandler, native_output_to
from pipeline.engine.errors import PipelineError
from pipeline.engine.meter import Meter
from pipeline.engine.plan import Step
from pipeline.engine.ranks import BUILD, Ranks, cost_key, current
from pipeline.engine.run import stage_log
from pipeline.engine.stage import Context
from pipeline.engine.store import Store


def drop(*_: object) -> None:
    """Heeds nothing: only rank 0 speaks."""


def follow(plan: list[Step], store: Store, ranks: Ranks, folder: Path, facts: Mapping[str, str]) -> None:
    """Joins rank 0 in every stage that it builds together with the others.

    What the stages write here is dropped: the artifact is rank 0's.

    Args:
        plan: The steps; their actions are not heeded, rank 0 decides.
        store: Where rank 0 finds and publishes artifacts; all ranks see the same folder.
        ranks: This process's place.
        folder: The run's output folder; this rank's stage logs go there.
        facts: As for `Runner`.

    Raises:
        PipelineError: If an input that rank 0 published can't be seen from here.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, ConsoleHandler):
            handler.setLevel(logging.WARNING)
    keys = {step.name: step.key for step in plan}
    for step in plan:
        if not step.stage.together or ranks.hear(step.name) != BUILD:
            continue
        inputs = {}
        for given, source in step.stage.inputs.items():
            artifact = store.open(keys[source])
            if artifact is None:
                raise PipelineError(
                    f"rank {ranks.number} does not see {source} in {store.root}; all ranks need one store"
                )
            inputs[given] = artifact
        log_file = folder / "logs" / f"{step.name}.rank{ranks.number}.log"
        with stage_log(step.name, log_file) as log, tempfile.TemporaryDirectory() as scratch:
            state = store.work / step.key / "state"
            context = Context(
                step.name, step.key, inputs, Path(scratch), state, log, drop, logging.debug, drop, drop, {}, facts
            )
            with native_output_to(log_file), Meter() as meter:
                step.stage.run(context)
        # Where ranks were lost, this one may have moved up.
        ranks.tell(cost_key(step.name, current().number), json.dumps(asdict(meter.cost)))
