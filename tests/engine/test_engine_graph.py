import pytest
from engine_stages import Add, Number, Word

from pipeline.engine.errors import ConfigError
from pipeline.engine.graph import ancestors, consumers, ordered

DIAMOND = {
    "top": Add(inputs={"left": "a", "right": "b"}),
    "b": Number(value=2),
    "a": Number(value=1),
}


def test_each_stage_comes_after_its_inputs_and_ties_keep_the_order_of_the_configuration():
    assert list(ordered(DIAMOND)) == ["b", "a", "top"]


def test_ancestors_and_consumers():
    chain = ordered({**DIAMOND, "last": Add(inputs={"left": "top", "right": "a"})})
    assert ancestors("last", chain) == ["b", "a", "top"]
    assert ancestors("a", chain) == []
    assert consumers("a", chain) == ["top", "last"]
    assert consumers("last", chain) == []


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        ({"left": "a"}, "stages.sum.inputs.right: missing; a add stage needs it; accepted: a"),
        ({"left": "a", "right": "aa"}, "stages.sum.inputs.right=aa: no such stage; accepted: a; did you mean a?"),
        (
            {"left": "a", "right": "a", "rigth": "a"},
            "stages.sum.inputs.rigth=a: unknown input; accepted: left, right; did you mean right?",
        ),
        (
            {"left": "a", "right": "w"},
            "stages.sum.inputs.right=w: w is a word stage and gives a word, not a number; accepted: a",
        ),
    ],
)
def test_wrong_inputs_are_named_with_what_would_fit(inputs, line):
    with pytest.raises(ConfigError) as caught:
        ordered({"a": Number(), "w": Word(), "sum": Add(inputs=inputs)})
    assert str(caught.value) == line


def test_a_cycle_is_spelt_out():
    stages = {
        "one": Add(inputs={"left": "two", "right": "two"}),
        "two": Add(inputs={"left": "three", "right": "three"}),
        "three": Add(inputs={"left": "one", "right": "one"}),
    }
    with pytest.raises(ConfigError, match=r"a cycle: \w+ -> \w+ -> \w+ -> \w+"):
        ordered(stages)
