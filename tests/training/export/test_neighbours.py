"""Nearest neighbours: the same neighbours, the same means, the same votes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from tests.training.export.written import check, labels, table, target, write
from training.export import ExportError

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
REAL = ROWS[:, :5]
NUMBERS = target(RAW)

METRICS: list[dict[str, Any]] = [
    {"metric": "euclidean"},
    {"metric": "manhattan"},
    {"metric": "chebyshev"},
    {"metric": "minkowski", "p": 1},
    {"metric": "minkowski", "p": 2},
    {"metric": "minkowski", "p": 3},
    {"metric": "minkowski", "p": np.inf},
]


@pytest.mark.parametrize("size", [250, 1200], ids=["one tensor", "column by column"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_regressor(metric: dict[str, Any], weights: str, size: int) -> None:
    """Each metric with equal weights and with 1 / distance, training rows themselves included."""
    model = KNeighborsRegressor(weights=weights, **metric).fit(REAL[:size], NUMBERS[:size])
    check(model, np.vstack([REAL, REAL[:1] * 1e6]))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_algorithm_makes_no_difference(algorithm: str, weights: str) -> None:
    """Trees and brute force find the same neighbours; brute force rounds its distances a little more."""
    model = KNeighborsRegressor(9, weights=weights, algorithm=algorithm).fit(ROWS[:250], NUMBERS[:250])
    check(model, ROWS[250:])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("names", [["no", "yes"], [True, False], [3, 1, 2]], ids=str)
@pytest.mark.parametrize("count", [1, 4, 12])
def test_classifier(count: int, names: list[Any], weights: str) -> None:
    """Votes, equal or weighted, and the first class where they tie."""
    model = KNeighborsClassifier(count, weights=weights).fit(ROWS[:250], labels(RAW, names)[:250])
    check(model, ROWS)


def test_several_targets() -> None:
    """Each target is averaged on its own."""
    both = np.column_stack([NUMBERS, NUMBERS**2])[:250]
    for weights in ("uniform", "distance"):
        assert check(KNeighborsRegressor(weights=weights).fit(ROWS[:250], both), ROWS)["values"].shape == (2000, 2)


def test_one_column() -> None:
    """A single column needs no tensor and no split."""
    for size in (100, 1900):
        model = KNeighborsRegressor().fit(NUMBERS[:size, np.newaxis], RAW[:size, 0])
        check(model, NUMBERS[:, np.newaxis])
    wide = np.random.default_rng(0).random((5000, 1))
    check(KNeighborsRegressor().fit(wide, np.sin(wide).ravel()), RAW[:, :1])


def test_repeated_row_with_one_target() -> None:
    """Where repetitions agree it does not matter which of them counts."""
    twice, numbers = np.vstack([ROWS[:100], ROWS[:50]]), np.concatenate([NUMBERS[:100], NUMBERS[:50]])
    check(KNeighborsRegressor().fit(twice, numbers), ROWS)


def test_repeated_row_with_other_target_is_refused() -> None:
    """Which of two equal rows counts is the search's secret, so it is refused."""
    twice, numbers = np.vstack([ROWS[:100], ROWS[:50]]), np.concatenate([NUMBERS[:100], NUMBERS[:50] + 1])
    with pytest.raises(ExportError, match="50 of its training rows repeat"):
        write(KNeighborsRegressor().fit(twice, numbers), 6)


def test_ties_are_refused() -> None:
    """Whole numbers put many rows at one distance; equal targets make that harmless."""
    whole = np.round(ROWS)
    with pytest.raises(ExportError, match=r"\d+ of 256 training rows have equally far neighbours"):
        write(KNeighborsRegressor(metric="chebyshev").fit(ROWS, NUMBERS), 6)
    rare, place = np.unique(whole, axis=0, return_index=True)
    with pytest.raises(ExportError, match="equally far"):
        write(KNeighborsRegressor().fit(rare, NUMBERS[place]), 6)
    check(KNeighborsRegressor().fit(rare, np.ones(len(rare))), whole)


def test_few_training_rows() -> None:
    """As many neighbours as there are rows, or one less, leaves nothing to choose."""
    for count in (7, 8):
        check(KNeighborsRegressor(count, algorithm="kd_tree").fit(ROWS[:8], NUMBERS[:8]), ROWS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": np.reciprocal}, "function of one's own"),
        ({"metric": "canberra"}, "the metric 'canberra'"),
        ({"metric_params": {"w": np.ones(6)}}, "weighs columns"),
        ({"metric": lambda a, b: abs(a - b).max(), "algorithm": "brute"}, 'the metric "of one\'s own"'),
    ],
    ids=["weights", "metric", "weighted", "callable"],
)
def test_what_is_not_known_is_refused(change: dict[str, Any], reason: str) -> None:
    """Functions and rarer metrics are refused by name."""
    with pytest.raises(ExportError, match=reason):
        write(KNeighborsRegressor(**change).fit(ROWS[:50], NUMBERS[:50]), 6)


def test_several_labels_are_refused() -> None:
    """One label a row is served."""
    both = np.column_stack([NUMBERS > 0, NUMBERS > 1]).astype(int)
    with pytest.raises(ExportError, match="several labels"):
        write(KNeighborsClassifier().fit(ROWS, both), 6)
