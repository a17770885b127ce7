import re

import numpy as np
import pytest

from pipeline.data.selection.rules import choose

SCORES = np.array([3.0, 9.0, 0.0, 9.0, 5.0, 3.0])


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"top": 1}, [1]),
        ({"top": 2}, [1, 3]),
        ({"top": 4}, [0, 1, 3, 4]),
        ({"top": 6}, [0, 1, 2, 3, 4, 5]),
        ({"percentile": 50}, [1, 3, 4]),
        ({"percentile": 66}, [1, 3, 4]),
        ({"percentile": 200 / 3}, [0, 1, 3, 4]),
        ({"percentile": 100}, [0, 1, 2, 3, 4, 5]),
        ({"threshold": 3.0}, [1, 3, 4]),
        ({"threshold": 0}, [0, 1, 3, 4, 5]),
        ({"threshold": -1}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_rules(rule, kept):
    found = choose(SCORES, **rule)
    assert (found.tolist(), found.dtype) == (kept, np.int64)


@pytest.mark.parametrize("percentile", range(1, 101))
def test_a_percentile_of_a_hundred_columns_is_so_many(percentile):
    assert len(choose(np.arange(100.0), percentile=percentile)) == percentile


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "no rule; accepted: exactly one of top, percentile, threshold"),
        ({"top": 3, "threshold": 0.5}, "top 3 and threshold 0.5; accepted: exactly one of top, percentile, threshold"),
        ({"top": 0}, "top 0 of 6 columns; accepted: 1 to 6"),
        ({"top": 7}, "top 7 of 6 columns; accepted: 1 to 6"),
        ({"percentile": 0}, "percentile 0 of 6 columns; accepted: 16.67 to 100"),
        ({"percentile": 16}, "percentile 16 of 6 columns; accepted: 16.67 to 100"),
        ({"percentile": 101}, "percentile 101 of 6 columns; accepted: 16.67 to 100"),
        ({"percentile": float("nan")}, "percentile nan of 6 columns; accepted"),
        ({"threshold": 9.0}, "threshold 9.0 keeps no column; accepted: less than the best, 9"),
        ({"threshold": float("nan")}, "threshold nan; accepted: a finite number"),
    ],
)
def test_bad_rules(rule, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        choose(SCORES, **rule)
