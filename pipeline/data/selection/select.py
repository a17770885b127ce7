"""Choosing features by the training part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.data.dataset import Column, Info, Split
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.selection.anova_f import anova_f
from pipeline.data.selection.chi_square import chi_square
from pipeline.data.selection.correlation import Repeats, correlated
from pipeline.data.selection.mutual_information import mutual_information
from pipeline.data.selection.pixels import feature_columns, flat
from pipeline.data.selection.rules import check_rule, choose
from pipeline.data.selection.scores import Scores
from pipeline.data.selection.variance import variance

Method = Literal["mutual_information", "chi_square", "anova_f", "variance"]

METHODS = ("mutual_information", "chi_square", "anova_f", "variance")
BINNED = ("mutual_information", "chi_square")


@dataclass(frozen=True, eq=False)
class Selection:
    """Which columns are kept, and why.

    Attributes:
        kept: Their indices, int64, sorted.
        names: Of all the columns that were scored, in their order.
        scores: Float64, one for each name, finite, larger is better; None where no method was given.
        p_values: The same; None where the method has none.
        dropped: Why, for each name that isn't kept.
    """

    kept: np.ndarray
    names: tuple[str, ...]
    scores: np.ndarray | None
    p_values: np.ndarray | None
    dropped: Mapping[str, str]

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The kept columns' names, in their order."""
        return tuple(self.names[index] for index in self.kept)


def select(
    train: Split,
    info: Info,
    *,
    method: Method | None = None,
    top: int | None = None,
    percentile: float | None = None,
    threshold: float | None = None,
    max_correlation: float | None = None,
    bins: int | None = None,
    seed: int = 0,
    examples: int | None = None,
) -> Selection:
    """Scores the training part's columns, drops those that repeat a better one, and applies one rule to the rest.

    The pixels of images are numeric columns. The same arguments give the same selection.

    Args:
        train: The training part; nothing else is looked at.
        info: What its columns are.
        method: How columns are scored; None only prunes by correlation, and earlier columns win.
        top: Keeps so many columns.
        percentile: Keeps so many of a hundred of those that no better one repeats.
        threshold: Keeps the columns that score more.
        max_correlation: The largest |r| of two kept numeric columns; None compares none.
        bins: Cuts numeric columns at their quantiles, for mutual_information and chi_square.
        seed: Of the draw of examples, and of mutual_information's tie-breaking noise, 0 to 2**32 - 1.
        examples: Scores at most so many, drawn at random; None scores all.

    Raises:
        ValueError: When an argument, or the method for these columns and targets, isn't accepted.
    """
    columns = feature_columns(info)
    rule = (top, percentile, threshold)
    if rule != (None, None, None) or max_correlation is None:
        check_rule(len(columns), *rule)
    _check(method, rule != (None, None, None), max_correlation, bins, seed, examples)
    rows = _draw(len(train.labels), examples, seed)
    features, labels = flat(train.decoded(rows)), train.labels[rows]
    scores = None if method is None else _score(method, features, columns, labels, bins, seed)
    values = None if scores is None else scores.values
    kept, repeats = np.arange(len(columns), dtype=np.int64), dict[int, Repeats]()
    if max_correlation is not None:
        kept, repeats = correlated(features, columns, values, max_correlation)
    dropped = {index: f"repeats {columns[each.kept].name!r} (r = {each.r:.4g})" for index, each in repeats.items()}
    if values is not None and rule != (None, None, None):
        try:
            chosen = kept[choose(values[kept], top=top, percentile=percentile, threshold=threshold)]
        except ValueError as error:
            left = f" of the columns that max_correlation {max_correlation} leaves" if repeats else ""
            raise ValueError(f"{error}{left}") from error
        why = _described(*rule)
        dropped |= {int(index): f"score {values[index]:.4g}: {why}" for index in np.setdiff1d(kept, chosen)}
        kept = chosen
    return Selection(
        kept=kept,
        names=tuple(column.name for column in columns),
        scores=values,
        p_values=None if scores is None else scores.p_values,
        dropped={columns[index].name: dropped[index] for index in sorted(dropped)},
    )


def _check(
    method: str | None,
    ruled: bool,
    max_correlation: float | None,
    bins: int | None,
    seed: int,
    examples: int | None,
) -> None:
    if method is not None and method not in METHODS:
        raise ValueError(
            f"method {method!r} of selection is unknown; {accepted(METHODS)}{did_you_mean(method, METHODS)}"
        )
    if method is None and (ruled or max_correlation is None):
        raise ValueError(f"no method of selection; {accepted(METHODS)}, or max_correlation and no rule")
    if bins is not None and method not in BINNED:
        raise ValueError(f"bins {bins} for method {method}; accepted: none, or method {' or '.join(BINNED)}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed}; accepted: 0 to {2**32 - 1}")
    if examples is not None and examples < 1:
        raise ValueError(f"examples {examples}; accepted: 1 or more, or none for all")


def _draw(total: int, examples: int | None, seed: int) -> np.ndarray | slice:
    if examples is None or examples >= total:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(total, examples, replace=False))


def _score(
    method: Method, features: np.ndarray, columns: Sequence[Column], labels: np.ndarray, bins: int | None, seed: int
) -> Scores:
    if method == "mutual_information":
        return mutual_information(features, columns, labels, seed=seed, bins=bins)
    if method == "chi_square":
        return chi_square(features, columns, labels, bins=bins)
    if method == "anova_f":
        return anova_f(features, columns, labels)
    return variance(features, columns)


def _described(top: int | None, percentile: float | None, threshold: float | None) -> str:
    if threshold is not None:
        return f"not above the threshold {threshold:g}"
    return f"not among the top {top}" if top is not None else f"not among the top {percentile:g} percent"
