import json
import logging

import pytest
from engine_stages import Add, Number

from pipeline.engine import keys, ledger
from pipeline.engine.graph import ordered
from pipeline.engine.plan import make_plan
from pipeline.engine.run import Runner, deliver

FACTS = {"command": "c", "config": "", "run": "r/1"}


@pytest.fixture(autouse=True)
def _code(monkeypatch):
    monkeypatch.setattr(keys, "code_digest", lambda module: "code")


@pytest.fixture
def run(store, tmp_path):
    """Runs a graph and returns the outcome; the output folder is `tmp_path/out`."""

    def run(stages, verify_all=True):
        plan = make_plan(ordered(stages), store, verify_all=verify_all, facts=FACTS)
        outcome = Runner(store, tmp_path / "out", FACTS).run(plan)
        deliver(plan, outcome, tmp_path / "out")
        return outcome

    return run


def graph(value=1, **options):
    return {
        "a": Number(value=value),
        "b": Number(value=2),
        "sum": Add(inputs={"left": "a", "right": "b"}, **options),
        "twice": Add(inputs={"left": "sum", "right": "sum"}),
    }


def statuses(outcome):
    return {entry.stage: entry.status for entry in outcome.entries}


def number(outcome, name):
    return outcome.artifacts[name].path("number.txt").read_text()


def test_a_run_builds_everything_once_and_then_reuses_it(run, tmp_path):
    first = run(graph())
    assert set(statuses(first).values()) == {"built"}
    assert number(first, "twice") == "6"
    assert (tmp_path / "out/twice/number.txt").read_text() == "6"
    second = run(graph())
    assert set(statuses(second).values()) == {"reused"}
    assert all(entry.saved.attempts == 1 for entry in second.entries)


def test_only_what_a_change_reaches_runs_again(run):
    run(graph())
    assert statuses(run(graph(value=5))) == {"a": "built", "b": "reused", "sum": "built", "twice": "built"}


def test_two_stages_of_one_kind_with_equal_settings_share_an_artifact(run):
    outcome = run({"a": Number(value=2), "b": Number(value=2), "sum": Add(inputs={"left": "a", "right": "b"})})
    assert statuses(outcome) == {"a": "built", "b": "reused", "sum": "built"}


def test_a_failure_leaves_the_other_branches(run, tmp_path, caplog):
    stages = {**graph(fail=True), "other": Add(inputs={"left": "a", "right": "a"})}
    outcome = run(stages)
    assert statuses(outcome) == {"a": "built", "b": "built", "sum": "failed", "twice": "skipped", "other": "built"}
    assert [str(failure) for failure in outcome.failures] == ["stage sum failed: told to fail"]
    assert "stage sum failed: told to fail" in caplog.messages
    assert "Traceback" in (tmp_path / "out/logs/sum.log").read_text()
    assert statuses(run(stages))["other"] == "reused"


def test_what_only_feeds_reused_stages_is_not_needed(run, store):
    outcome = run(graph())
    a = outcome.artifacts["a"]
    store.set_aside(a.key)
    assert statuses(run(graph())) == {"a": "unneeded", "b": "reused", "sum": "reused", "twice": "reused"}


@pytest.mark.parametrize("verify_all", [True, False])
def test_a_flipped_byte_is_found_set_aside_and_rebuilt(run, store, caplog, verify_all):
    outcome = run(graph())
    path = outcome.artifacts["twice"].path("number.txt")
    path.write_text("7")
    after = run(graph(), verify_all=True)
    assert statuses(after) == {"a": "reused", "b": "reused", "sum": "reused", "twice": "built"}
    assert number(after, "twice") == "6"
    assert any("damaged (files/number.txt fails its checksum)" in line for line in caplog.messages)
    assert len(list(store.damaged.iterdir())) == 1
    assert set(statuses(run(graph(), verify_all=verify_all)).values()) == {"reused"}


def test_with_verify_read_a_damaged_input_is_rebuilt_when_it_is_read(run, caplog):
    run(graph()).artifacts["a"].path("number.txt").write_text("9")
    outcome = run({**graph(), "new": Add(inputs={"left": "a", "right": "a"})}, verify_all=False)
    assert number(outcome, "new") == "2"
    assert any("set aside" in line for line in caplog.messages)


def test_logs_native_output_and_notes_are_kept(run, tmp_path):
    outcome = run({"a": Number(value=0), "sum": Add(inputs={"left": "a", "right": "a"})})
    text = (tmp_path / "out/logs/sum.log").read_text()
    assert "INFO adding" in text
    assert "native noise" in text
    assert outcome.artifacts["sum"].manifest["notes"] == ["the sum is nothing"]
    assert (outcome.artifacts["sum"].folder / "stage.log").read_text() == text


def test_the_ledger_states_each_stage_and_the_total(run, tmp_path):
    outcome = run(graph())
    ledger.write(outcome.entries, 3600.0, "EUR", tmp_path / "ledger.json")
    written = json.loads((tmp_path / "ledger.json").read_text())
    assert [row["stage"] for row in written["stages"]] == ["a", "b", "sum", "twice"]
    total = written["total"]
    assert total["core_seconds"] == pytest.approx(sum(row["cost"]["core_seconds"] for row in written["stages"]))
    assert total["money"] == pytest.approx(total["core_seconds"])
    assert written["currency"] == "EUR"
    assert all(row["cost"]["peak_bytes"] > 1e6 for row in written["stages"])


def plan_of(stages, store):
    return {step.name: step for step in make_plan(ordered(stages), store, verify_all=True, facts=FACTS)}


def test_the_plan_says_what_changed(run, store, tmp_path):
    source = tmp_path / "n.txt"
    source.write_text("4")
    assert {step.why for step in plan_of({"a": Number()}, store).values()} == {"no number stage was built before"}
    run({**graph(), "f": Number(file=str(source))})
    changed = plan_of(graph(value=5), store)
    assert changed["a"].why == "value: 1 -> 5"
    assert changed["b"].why == "in the store"
    assert changed["sum"].why == "input left changed (a)"
    assert changed["sum"].action == "run"
    source.write_text("5")
    assert "source n.txt changed" in plan_of({"f": Number(file=str(source))}, store)["f"].why


def test_planning_changes_nothing(store):
    plan_of(graph(), store)
    assert list(store.artifacts.iterdir()) == []
    assert list(store.work.iterdir()) == []


def test_a_process_killed_after_publishing_leaves_nothing_for_ever(run, store):
    outcome = run(graph())
    left = store.work / outcome.artifacts["a"].key / "state"
    left.mkdir(parents=True)
    run(graph())
    assert list(store.work.iterdir()) == []


def test_stage_logs_do_not_pile_up_handlers(run):
    run(graph())
    assert logging.getLogger("pipeline").handlers == []


def test_the_cost_of_an_artifact_that_is_gone_is_remembered_downstream(run, store, tmp_path):
    outcome = run(graph())
    store.set_aside(outcome.artifacts["a"].key)
    after = run({**graph(), "more": Add(inputs={"left": "twice", "right": "twice"})})
    assert statuses(after)["a"] == "unneeded"
    lineage = after.artifacts["more"].manifest["lineage"]
    assert lineage[outcome.artifacts["a"].key]["cost"] == outcome.artifacts["a"].manifest["cost"]
    assert len(lineage) == 4
