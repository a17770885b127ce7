"""The section `budget`: what is refused, what is left out and said so."""

import pytest
from hydra import compose, initialize_config_dir

from pipeline.engine.errors import ConfigError
from pipeline.execution import read_config
from pipeline.folders import CONF


def checked(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return read_config(compose("config", overrides=[*overrides]))


def read(*overrides):
    return checked("+experiment=budget", *overrides).search


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget.latency_ms=-1", r"budget\.latency_ms=-1.*greater than 0"),
        ("budget.size_kb=0", r"budget\.size_kb=0.*greater than 0"),
        ("budget.accuracy_drop=-0.5", r"budget\.accuracy_drop=-0\.5.*greater than or equal to 0"),
        ("budget.trials=0", r"budget\.trials=0.*greater than 0"),
        ("budget.minimise=cost", r"budget\.minimise=cost: not one of the choices; accepted: size, latency, both"),
        ("budget.epochs=[6,2]", r"budget.*epochs=\[6, 2\] of the rungs must rise"),
        ("budget.sparsities=[0.5,0.504]", r"budget.*sparsities=\[0\.5, 0\.504\] must differ by a hundredth"),
        ("budget.techniques.export.formats=[keras]", r"budget\.techniques\.export\.formats=.*accepted: \[tflite\]"),
        ("budget.widths=[]", r"budget\.widths.*at least 1"),
        ("budget.widths=[1.5]", r"budget\.widths.*less than or equal to 1"),
        ("budget.clusters=[2]", r"budget\.clusters.*greater than or equal to 3"),
        ("budget.quantizations=[int4]", r"budget\.quantizations.*int4.*accepted: float16, dynamic, int8, aware"),
        ("budget.reference=base", r"budget\.reference=base: no stage.*accepted: baseline; did you mean baseline"),
        ("+budget.latncy_ms=1", r"budget\.latncy_ms=1: unknown key; .*did you mean latency_ms"),
        ("~budget.techniques.export", r"budget\.techniques\.export: missing"),
        ("budget.techniques.prune.schedule=never", r"budget\.techniques\.prune\.schedule=never"),
        ("budget.techniques.prune.kind=cluster", r"budget\.techniques\.prune\.kind=cluster.*accepted: prune"),
        ("+budget.techniques.shrink={kind: prune}", r"budget\.techniques\.shrink: unknown technique"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(override, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read(override)
    assert "\n" not in str(caught.value)


def test_the_space_of_images_has_every_technique():
    found = read()
    assert found.left_out == {}
    assert found.space.distilled == found.space.separable == (False, True)
    assert {each.network for each in found.space.candidates} == {"reference", "student"}
    assert found.models["student_w50"]["filters"] == [8, 16]
    assert found.models["reference_w50"]["filters"] == [16, 32]
    assert found.data == "prepare"


def test_a_table_has_no_convolutions_and_no_student_of_images_and_it_says_so():
    found = read("data=breast_cancer", "model=mlp")
    assert found.space.networks == ("reference",)
    assert found.space.separable == (False,)
    assert "takes images, and the data is a table" in found.left_out["student"]
    assert "convolutions" in found.left_out["separable convolutions"]
    both = read("data=breast_cancer", "model=mlp", "model@student=mlp")
    assert both.space.networks == ("reference", "student")


def test_a_technique_without_its_stage_is_left_out_and_it_says_so():
    found = read("~budget.techniques.teach", "~budget.techniques.quantize_aware", "~budget.techniques.prune")
    assert found.space.distilled == (False,)
    assert found.space.sparsities == (0.0,)
    assert "aware" not in found.space.quantizations
    assert found.left_out == {
        "distillation": "no budget.techniques.teach",
        "aware": "no budget.techniques.quantize_aware",
        "zeros": "no budget.techniques.prune",
    }


def test_a_model_brought_along_has_one_width(tmp_path):
    found = read("stages.baseline.model=null", "+stages.baseline.inputs.model=first", "+stage@stages.first=train")
    assert "reference_w50" not in found.models
    assert "student_w50" in found.models
    assert "has no settings of a family" in found.left_out["other widths of the reference"]


def test_an_experiment_without_the_section_is_no_search():
    assert checked("+experiment=digits").search is None
