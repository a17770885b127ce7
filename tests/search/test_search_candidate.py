"""The space: what is in it, what it is called, which work its candidates share."""

import pytest
from search_cases import space

from pipeline.search.candidate import Candidate, bits_per_weight, scaled
from pipeline.search.chain import chain, on_test_part, probe


def test_the_space_is_every_combination_once_and_the_reference_is_never_its_own_student():
    where = space()
    every = where.candidates
    assert len(every) == len({*every}) == (1 + 3 * 2) * 2 * 2 * 2 * 3
    assert not [each for each in every if each.given and each.distilled]
    assert every[0] == Candidate("reference")
    assert where.rungs(every[0]) == [1]
    assert where.rungs(Candidate("student")) == [0, 1]


def test_what_has_no_convolution_is_not_separated_and_what_has_no_settings_has_one_width():
    assert {each.network for each in space(inseparable=("student",)).candidates if each.separable} == {"reference"}
    widths = {each.width for each in space(fixed=("reference",)).candidates if each.network == "reference"}
    assert widths == {1.0}


def test_equal_names_are_equal_work():
    where, seen = space(), {}
    for each in where.candidates:
        for rung in where.rungs(each):
            for link in chain(each, rung, where):
                same = (link.kind, link.source, link.network, link.epochs, tuple(link.settings.items()))
                assert seen.setdefault(link.name, same) == same
    measures = [name for name in seen if name.startswith("measure_")]
    assert len(measures) == sum(len(where.rungs(each)) for each in where.candidates)


def test_a_chain_is_its_techniques_in_order_and_each_link_starts_from_one_before():
    where = space()
    candidate = Candidate("student", 0.5, True, True, 0.8, 16, "aware")
    links = chain(candidate, 0, where)
    kinds = ["teach", "distill", "separate", "prune", "cluster", "quantize_aware", "export", "measure"]
    assert [link.kind for link in links] == kinds
    assert [link.source for link in links[1:]] == [link.name for link in links[:-1]]
    assert links[1].epochs == 2
    assert on_test_part(links).source == "export_student_w50_e2_distilled_separable_zeros80_values16_aware"
    assert (
        candidate.label
        == "student at 50% width + distilled + separable + pruned 80% + 16 clusters + int8 with training"
    )
    assert [link.kind for link in probe(candidate)] == ["build", "export", "measure"]


def test_only_what_starts_from_the_reference_needs_no_network_of_its_own():
    names = {each.network_name for each in space().networks_to_build()}
    assert names == {"reference_w50", "student_w100", "student_w50"}


@pytest.mark.parametrize(
    ("model", "width", "expected"),
    [
        ({"family": "mlp", "units": [64, 32, 5], "dropout": 0.1}, 0.5, {"units": [32, 16, 2]}),
        ({"family": "cnn", "filters": [32, 64], "units": 80, "kernel": 3}, 0.25, {"filters": [8, 16], "units": 20}),
        ({"family": "cnn", "filters": [1], "units": 10}, 0.1, {"filters": [1], "units": 1}),
        ({"family": "mobilenet", "stem": 16, "width": 0.5, "filters": [32]}, 0.5, {"width": 0.25, "filters": [32]}),
        ({"family": "resnet", "filters": [16, 32], "blocks": 3}, 1, {"filters": [16, 32], "blocks": 3}),
    ],
)
def test_a_width_multiplies_filters_and_units_alone(model, width, expected):
    assert scaled(model, width) == {**model, **expected}


def test_a_weight_takes_fewer_bits_with_each_technique():
    plain = Candidate("reference")
    bits = [bits_per_weight(each) for each in (plain, Candidate("reference", quantization="int8"))]
    zeros = bits_per_weight(Candidate("reference", sparsity=0.5, quantization="int8"))
    assert bits[1] < bits[0] / 3
    assert zeros == pytest.approx(bits[1] / 2 + 1)  # one bit says which half a weight is in
    assert bits_per_weight(Candidate("reference", clusters=16)) < bits[1]
