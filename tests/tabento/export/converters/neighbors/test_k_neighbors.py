"""Nearest neighbours: the same neighbours, the same means, the same votes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from sklearn.neighbors import KDTree, KNeighborsClassifier, KNeighborsRegressor

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

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
    """Each metric is exported with equal weights and with 1 / distance, also for training rows."""
    model = KNeighborsRegressor(weights=weights, **metric).fit(REAL[:size], NUMBERS[:size])
    check(model, np.vstack([REAL[size - 200 : size + 200], REAL[:1] * 1e6]))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_algorithm_makes_no_difference(algorithm: str, weights: str) -> None:
    """Both search trees give the same neighbours."""
    model = KNeighborsRegressor(9, weights=weights, algorithm=algorithm).fit(ROWS[:250], NUMBERS[:250])
    check(model, ROWS[250:])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("names", [["no", "yes"], [True, False], [3, 1, 2]], ids=str)
@pytest.mark.parametrize("count", [1, 4, 12])
def test_classifier(count: int, names: list[Any], weights: str) -> None:
    """Votes are equal or weighted, and the first class wins ties."""
    model = KNeighborsClassifier(count, weights=weights).fit(ROWS[:250], labels(RAW, names)[:250])
    check(model, ROWS)


def test_several_targets() -> None:
    """Each target has its own average."""
    targets = np.column_stack([NUMBERS, NUMBERS**2])[:250]
    for weights in ("uniform", "distance"):
        assert check(KNeighborsRegressor(weights=weights).fit(ROWS[:250], targets), ROWS)["values"].shape == (2000, 2)


def test_one_column() -> None:
    """A single column needs no tensor and no split."""
    for size in (100, 1900):
        model = KNeighborsRegressor().fit(NUMBERS[:size, np.newaxis], RAW[:size, 0])
        check(model, NUMBERS[:, np.newaxis])
    wide = np.random.default_rng(0).random((5000, 1))
    check(KNeighborsRegressor().fit(wide, np.sin(wide).ravel()), RAW[:, :1])


def test_repeated_row_with_one_target() -> None:
    """If repeated training rows have one target, any of them gives the answer."""
    repeated_rows, numbers = np.vstack([ROWS[:100], ROWS[:50]]), np.concatenate([NUMBERS[:100], NUMBERS[:50]])
    check(KNeighborsRegressor().fit(repeated_rows, numbers), ROWS)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_repeated_row_with_other_target(algorithm: str) -> None:
    """The order of the search decides between two equal training rows."""
    repeated_rows, numbers = np.vstack([ROWS[:100], ROWS[:50]]), np.concatenate([NUMBERS[:100], NUMBERS[:50] + 1])
    check(KNeighborsRegressor(3, algorithm=algorithm).fit(repeated_rows, numbers), ROWS)


TENTHS, KINDS = load_iris(return_X_y=True)


def tenths(count: int) -> NDArray[np.float64]:
    """Return rows with one decimal beside the training rows, float64 of shape (count, 4)."""
    generator = np.random.default_rng(13)
    steps = generator.integers(-3, 4, size=(count, 4)) * (generator.random((count, 4)) < 0.6)
    return np.asarray(np.round(TENTHS[generator.integers(len(TENTHS), size=count)] + steps / 10, 1))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("metric", METRICS[:3] + METRICS[5:6], ids=str)
@pytest.mark.parametrize("count", [1, 2, 3, 15])
def test_ties_on_a_grid(count: int, metric: dict[str, Any], algorithm: str) -> None:
    """Many rows of one decimal are equally far; the graph takes scikit-learn's neighbours, in every leaf's order."""
    rows = np.vstack([[[5.7, 3.4, 5.5, 0.2], [6.1, 3.0, 5.1, 1.8]], tenths(400)])
    for leaf_size in (30, 7):
        model = KNeighborsClassifier(count, algorithm=algorithm, leaf_size=leaf_size, **metric).fit(TENTHS, KINDS)
        check(model, rows)
    regressor = KNeighborsRegressor(count, weights="distance", algorithm=algorithm, **metric)
    check(regressor.fit(TENTHS, np.arange(150.0) ** 1.5), rows)


def test_bound_that_is_rounded_leaves_out_a_nearer_row() -> None:
    """The bound of row 74's ball rounds above row 78's distance, so scikit-learn never searches the ball, nor does the graph."""
    model = KNeighborsRegressor(3, metric="manhattan", algorithm="ball_tree").fit(TENTHS, np.arange(150.0))
    row = np.array([[6.4, 2.9, 4.5, 1.7]])
    assert sorted(model.kneighbors(row)[1][0]) == [51, 54, 78]
    check(model, row)


@pytest.mark.parametrize("behind", [False, True], ids=["raw", "scaled"])
def test_ties_on_whole_numbers(behind: bool) -> None:
    """Many ties in one row are resolved, raw and after a scaler that changes last bits."""
    integers = np.random.default_rng(3).integers(0, 4, size=(700, 5)).astype(float)
    rows = (integers - integers.mean(axis=0)) / integers.std(axis=0) if behind else integers
    for model in (KNeighborsRegressor(5), KNeighborsRegressor(4, metric="chebyshev", weights="distance")):
        check(model.fit(rows[:300], np.arange(300.0)), rows[250:])


@pytest.mark.parametrize("metric", METRICS[1:3] + METRICS[5:6], ids=str)
def test_brute_force_in_the_order_of_training(metric: dict[str, Any]) -> None:
    """Brute force on differences, one row after the other, is exported."""
    rows = tenths(400)
    check(KNeighborsClassifier(3, algorithm="brute", **metric).fit(TENTHS, KINDS), rows)
    check(KNeighborsRegressor(4, algorithm="brute", weights="distance", **metric).fit(TENTHS, np.arange(150.0)), rows)
    more_rows = np.vstack([TENTHS, TENTHS + 0.5])
    check(KNeighborsClassifier(3, algorithm="brute", **metric).fit(more_rows, np.tile(KINDS, 2)), rows)


def test_brute_force_without_a_rule_is_refused() -> None:
    """Brute force on products, or in chunks of several threads, is refused with an example row."""
    with pytest.raises(ExportError, match=r"made of products.*algorithm='kd_tree'"):
        write(KNeighborsClassifier(3, algorithm="brute").fit(TENTHS, KINDS), TENTHS.shape[1])
    more_rows = np.vstack([TENTHS, TENTHS + 0.5])
    for model in (
        KNeighborsClassifier(3, algorithm="brute").fit(np.rint(TENTHS), KINDS),
        KNeighborsRegressor(3, algorithm="brute", metric="manhattan").fit(more_rows, np.arange(300.0)),
    ):
        with pytest.raises(ExportError, match=r"rows at the resolution .* one of them is \[.*algorithm='kd_tree'"):
            write(model, 4)
    check(KNeighborsRegressor(3, algorithm="brute").fit(TENTHS, np.ones(150)), tenths(50))


def test_infinitely_far() -> None:
    """If squares overflow, every row is infinitely far, and the answer is the first training row, as in scikit-learn."""
    model = KNeighborsRegressor(3).fit(REAL[:200], NUMBERS[:200])
    check(model, np.vstack([REAL[:5], REAL[:2] * 1e200]))


def test_more_neighbours_than_rows_are_refused() -> None:
    """More neighbours than training rows are refused, because scikit-learn raises."""
    with pytest.raises(ExportError, match="asks for 9 neighbours of 8"):
        write(KNeighborsRegressor(9).fit(ROWS[:8], NUMBERS[:8]), 6)


def test_tree_of_ones_own_is_refused() -> None:
    """A model that was fitted on a search tree is refused, because the tree can have another metric."""
    with pytest.raises(ExportError, match="fitted on a tree"):
        write(KNeighborsRegressor().fit(KDTree(ROWS[:50]), NUMBERS[:50]), 6)


def test_few_training_rows() -> None:
    """As many neighbours as training rows, or one fewer, are exported."""
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
    """Custom functions and rare metrics are refused by name."""
    with pytest.raises(ExportError, match=reason):
        write(KNeighborsRegressor(**change).fit(ROWS[:50], NUMBERS[:50]), 6)
