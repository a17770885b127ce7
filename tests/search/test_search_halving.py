"""Who goes on to the next rung."""

import numpy as np

from pipeline.search.halving import survivors
from pipeline.search.pareto import ranks


def test_one_of_so_many_goes_on_and_nobody_before_they_can_be_told_apart():
    points = [(float(place), 0.0, 0.0) for place in range(9)]
    for count in range(9):
        assert survivors(points[:count], [0.0] * count, 3) == [*range(max(1, count // 3) if count > 1 else 0)]


def test_no_one_left_behind_is_of_a_better_rank_than_one_who_goes_on():
    generator = np.random.default_rng(2)
    for count in (5, 12, 40):
        points = [tuple(row) for row in generator.normal(size=(count, 3)).tolist()]
        misses = generator.uniform(size=count).tolist()
        chosen, order = survivors(points, misses, 4), ranks(points)
        assert len({*chosen}) == count // 4
        rest = {*range(count)} - {*chosen}
        assert max(order[place] for place in chosen) <= min(order[place] for place in rest)


def test_of_one_rank_the_nearest_to_the_budget_goes_on():
    points = [(0.0, 3.0, 0.0), (1.0, 2.0, 0.0), (2.0, 1.0, 0.0)]
    assert survivors(points, [2.0, 0.0, 1.0], 3) == [1]
