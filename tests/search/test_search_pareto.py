"""Pareto sets, ranks and hypervolumes against brute force."""

import numpy as np
import pytest
from search_cases import REFERENCE

from pipeline.search.bounds import Bounds
from pipeline.search.pareto import corner, gains, hypervolume, pareto_set, point, ranks
from pipeline.search.trial import Figures


def dominates(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def clouds():
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 30, 30, 30):
        yield [tuple(row) for row in generator.integers(0, 6, (count, 3)).astype(float).tolist()]


def test_the_pareto_set_is_what_nothing_dominates_and_of_equals_the_first():
    for points in clouds():
        expected = [
            place
            for place, each in enumerate(points)
            if not any(dominates(other, each) for other in points) and points.index(each) == place
        ]
        assert pareto_set(points) == expected


def test_ranks_peel_one_pareto_set_after_the_other():
    for points in clouds():
        left, expected, rank = {*range(len(points))}, [0] * len(points), 0
        while left:
            best = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
            for place in best:
                expected[place] = rank
            left, rank = left - best, rank + 1
        assert ranks(points) == expected


def test_hypervolume_is_the_share_of_a_grid_that_is_dominated():
    grid = np.stack(np.meshgrid(*[np.arange(0.5, 6)] * 3), axis=-1).reshape(-1, 3)
    for points in clouds():
        covered = np.zeros(len(grid), bool)
        for each in points:
            covered |= (grid >= each).all(axis=1)
        assert hypervolume(points, (6.0, 6.0, 6.0)) == pytest.approx(covered.sum())


def test_known_volumes():
    assert hypervolume([], (1.0, 1.0, 1.0)) == 0
    assert hypervolume([(1.0, -1.0, -0.5)], (10.0, 0.0, 0.0)) == pytest.approx(9 * 1 * 0.5)
    assert hypervolume([(1.0, -1.0, -0.5), (11.0, -2.0, -2.0)], (10.0, 0.0, 0.0)) == pytest.approx(4.5)


def test_a_gain_is_the_difference_of_two_volumes_and_0_outside_the_corner():
    worst = (5.0, 5.0, 5.0)
    for points in clouds():
        new = [tuple(row) for row in np.random.default_rng(1).uniform(0, 7, (20, 3)).tolist()]
        expected = [hypervolume([*points, each], worst) - hypervolume(points, worst) for each in new]
        assert gains(points, new, worst) == pytest.approx(expected, abs=1e-9)
    assert gains([], [(1.0, 1.0, 6.0)], worst) == [0.0]


def test_points_count_what_is_lost_and_powers_of_ten():
    assert point(REFERENCE, REFERENCE) == (0.0, 0.0, 0.0)
    found = point(Figures(91.5, 40.0, 0.04, 1e6), REFERENCE)
    assert found == pytest.approx((0.5, -1.0, -1.0))
    assert corner(REFERENCE, Bounds()) == pytest.approx((10.0, np.log10(2), np.log10(2)))
    assert corner(REFERENCE, Bounds(0.5, 0.04, 40.0)) == pytest.approx((0.5, -1.0, -1.0))
