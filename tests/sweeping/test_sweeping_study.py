import json

import optuna
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipeline.engine.errors import ConfigError
from pipeline.engine.settings import checked
from pipeline.failures import explain
from pipeline.folders import CONF
from pipeline.reporting.metrics import COST
from pipeline.sweeping.figures import KNOWN, NoFigureError, check_view, more_is_better, objective_values, read_figures
from pipeline.sweeping.optuna_sweep import Settings
from pipeline.sweeping.search_space import overrides_of, split
from pipeline.sweeping.study import ask, open_study, repeated, sampler, settled, take_up
from pipeline.sweeping.summary import varying
from pipeline.sweeping.threads import cores, share, side_by_side

SPACE = {"x": FloatDistribution(0, 1)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=choice(x,y)", CategoricalDistribution(["x", "y"])),
        ("a=x,[1,2]", CategoricalDistribution(["x", "[1,2]"])),
        ("a=range(1,6)", IntDistribution(1, 5)),
        ("a=range(10,0,-2)", IntDistribution(2, 10, step=2)),
        ("a=range(0.25,1.0,0.25)", FloatDistribution(0.25, 0.75, step=0.25)),
        ("a=interval(0.1,0.9)", FloatDistribution(0.1, 0.9)),
        ("a=int(interval(1,9))", IntDistribution(1, 9)),
        ("a=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("a=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
    ],
)
def test_hydras_grammar_is_optunas_distribution(text, expected):
    fixed, space = split(OverridesParser.create().parse_overrides([text, "+b=1", "~c"]))
    assert fixed == ["+b=1", "~c"]
    assert space == {"a": expected}


@pytest.mark.parametrize(
    ("text", "said"),
    [("a=1", "nothing to search"), ("a=tag(log,interval(0,1))", "a=tag\\(log,interval\\(0,1\\)\\): .*log")],
)
def test_what_can_not_be_searched_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        split(OverridesParser.create().parse_overrides([text]))


def test_values_become_overrides():
    assert overrides_of({"+experiment": "digits", "seed": 3}) == ["+experiment=digits", "seed=3"]


@pytest.fixture
def study(tmp_path):
    made = open_study(f"sqlite:///{tmp_path}/study.db", "one", ["maximize"])
    made.sampler = sampler("random", seed=0, startup_trials=2, population_size=2, at_once=1)
    yield made
    made._storage.remove_session()


def test_a_stopped_trial_is_repeated_once_and_does_not_count(study):
    first, second = ask(study, SPACE, 2)
    study.tell(first, [0.5])
    for _ in range(2):  # taken up, and killed before anything ran
        take_up(study, lambda number: None)
    assert repeated(study) == {second.number}
    assert [trial.number for trial in settled(study)] == [first.number]
    (again,) = ask(study, SPACE, 1)
    assert again.params == second.params
    study.tell(again, [0.7])
    assert len(settled(study)) == 2


def test_a_trial_that_was_done_but_not_told_counts(study):
    (trial,) = ask(study, SPACE, 1)
    take_up(study, {trial.number: [0.25]}.get)
    assert settled(study)[0].values == [0.25]
    assert repeated(study) == set()


def test_a_study_of_other_objectives_or_another_space_is_refused(study, tmp_path):
    with pytest.raises(ConfigError, match="that study seeks to maximize, and the objectives are to minimize"):
        open_study(f"sqlite:///{tmp_path}/study.db", "one", ["minimize"])
    ask(study, {"y": CategoricalDistribution(["a", "b"])}, 1)
    with pytest.raises(ConfigError, match="another search space"):
        ask(study, {"y": CategoricalDistribution(["a", "c"])}, 1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tpe", optuna.samplers.TPESampler),
        ("nsga2", optuna.samplers.NSGAIISampler),
        ("random", optuna.samplers.RandomSampler),
    ],
)
def test_samplers(kind, expected):
    assert isinstance(sampler(kind, seed=0, startup_trials=2, population_size=2, at_once=1), expected)


def test_an_unknown_sampler_is_refused():
    settings = yaml.safe_load((CONF / "hydra/sweeper/optuna.yaml").read_text()) | {"sampler": "grid"}
    del settings["_target_"]
    with pytest.raises(ConfigError, match="sampler=grid: not one of the choices; accepted: tpe, nsga2, random"):
        checked(Settings, settings, "hydra.sweeper")


def test_what_varies_sets_jobs_apart():
    jobs = {0: ["+experiment=a", "seed=1", "hydra.x=1"], 1: ["+experiment=a", "seed=2", "hydra.x=2", "name=b"]}
    assert varying(jobs) == ["seed", "name"]


def test_threads_are_divided_where_jobs_run_side_by_side():
    assert side_by_side({"n_jobs": 4}, 2) == 2
    assert side_by_side({"n_jobs": -1}, 100) == cores()
    assert side_by_side({}, 9) == 1
    assert side_by_side({"_target_": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"}, 9) == 9
    environment = {"OMP_NUM_THREADS": "5"}
    share(cores(), environment)
    assert environment["OMP_NUM_THREADS"] == "5"
    assert environment["TF_NUM_INTRAOP_THREADS"] == "1" if cores() > 1 else "TF_NUM_INTRAOP_THREADS" not in environment


MEASURED = {
    "task": "classification",
    "latency_ms": dict.fromkeys(("p50", "p90", "p99", "mean"), 0.5),
    **dict.fromkeys(("bytes", "deflated_bytes", "flops", "parameters", "nonzero_parameters", "peak_memory_bytes"), 7),
    "sparsity": 0.0,
}
REPORT = {
    **dict.fromkeys(("title", "command", "config", "currency"), ""),
    "before": "baseline",
    "models": [
        {"name": name, "stage": "train", "measurement": {**MEASURED, "accuracy": accuracy}}
        for name, accuracy in (("baseline", 0.9), ("pruned", 0.8))
    ],
    "stages": [{"name": "train", "inputs": {}, "cost": {"core_seconds": 3.0}}],
    "environment": {},
    "per_core_hour": 0.0,
}


@pytest.fixture
def reported(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text(json.dumps(REPORT))
    return tmp_path


def test_figures_are_those_of_the_model_named_or_of_the_last(reported):
    found = read_figures(reported, None)
    assert (found.model, found.task) == ("pruned", "classification")
    assert set(found.values) == {"quality", "accuracy", *(metric.key for metric in COST)}
    assert [found.values[each] for each in ("accuracy", "quality", "bytes", "core_seconds")] == [0.8, 0.8, 7, 3.0]
    assert objective_values(read_figures(reported, "baseline"), ["quality"]) == [0.9]
    assert read_figures(reported / "report", None) is None


def test_a_job_without_the_figure_says_what_it_has(reported):
    with pytest.raises(NoFigureError, match="its report has no figure f1; it has accuracy, bytes, core_seconds, "):
        objective_values(read_figures(reported, None), ["f1"])
    with pytest.raises(NoFigureError, match="no model 'student': its models are baseline, pruned"):
        read_figures(reported, "student")
    with pytest.raises(NoFigureError, match="no report"):
        objective_values(None, ["accuracy"])


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ('{"version": 9}', "not a report of a run")])
def test_a_report_that_can_not_be_read_is_a_job_without_figures(reported, text, said):
    (reported / "report" / "report.json").write_text(text)
    with pytest.raises(NoFigureError, match=said):
        read_figures(reported, None)


def test_more_is_better_of_quality_and_sparsity_and_less_of_what_it_costs():
    better = {"quality", "accuracy", "r2", "f1", "subset_accuracy", "sparsity"}
    assert {each for each in KNOWN if more_is_better(each)} == better


@pytest.mark.parametrize(
    ("model", "objectives", "said"),
    [
        (None, ["acuracy"], "hydra.sweeper.objectives=acuracy: no such figure; .*did you mean accuracy?"),
        (None, [], "hydra.sweeper.objectives: empty"),
        ("prund", ["bytes"], "hydra.sweeper.model=prund: no such model in the report; accepted: baseline, pruned"),
    ],
)
def test_what_no_report_can_have_is_refused_before_any_job(model, objectives, said):
    stages = {"report": {"kind": "report", "inputs": {"baseline": "a", "pruned": "b"}}}
    with pytest.raises(ConfigError, match=said):
        check_view(model, objectives, OmegaConf.create({"stages": stages}))


@pytest.mark.parametrize("launcher", ["joblib", "submitit_slurm"])
def test_a_launcher_that_is_not_installed_says_how_to_get_it(launcher):
    error = MissingConfigException("", missing_cfg_file=f"hydra/launcher/{launcher}", options=["basic", "processes"])
    assert explain(error) == (f"hydra/launcher={launcher}: not installed; accepted: uv sync --extra launchers", 2)
