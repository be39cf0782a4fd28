"""Boundaries: rows on both sides of a change of the answer, found from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from bundle.contract import Contract
from tests.training.parity.specimens import LABELS, NUMBERS, contract, fitted, prepared, table
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.boundaries import boundary_rows

ROWS = to_rows(table(60, seed=4)[0].dropna(), contract())
NAMES = [feature.name for feature in contract().features]


def boundaries(pipeline: Any, promised: Contract) -> NDArray[np.float64]:
    """Return the boundary rows of a small proof."""
    return boundary_rows(pipeline, promised, plain_graph(pipeline, promised), ROWS, 2000)


def neighbours_of(rows: NDArray[np.float64]) -> int:
    """Return how many pairs of rows are the same or the next double in every column, categories the same."""
    low, high = rows[:, np.newaxis], rows[np.newaxis]
    near = (np.nextafter(low, high) == high) | (low == high)
    return int(near.all(axis=2).sum() - len(rows)) // 2


def test_both_sides_of_another_label_are_found() -> None:
    """Labels differ between two rows of which each number is the same or the next double."""
    promised = contract(classes=LABELS)
    linear = fitted(make_pipeline(prepared(), LogisticRegression(max_iter=50)), labels=True)
    found = boundaries(linear, promised)
    assert neighbours_of(found) >= 4
    assert len(set(linear.predict(to_frame(found, promised)))) > 1


def test_an_outlier_detector_has_a_boundary() -> None:
    """It has labels and no ``classes_``; both of them are found side by side."""
    promised = contract(classes=(-1, 1), probabilities=False)
    detector = fitted(make_pipeline(prepared(), OneClassSVM(nu=0.3)))
    found = boundaries(detector, promised)
    assert neighbours_of(found) >= 4
    assert set(detector.predict(to_frame(found, promised))) == {-1, 1}


def test_jumps_of_a_number_are_found() -> None:
    """Neighbours jump between two training rows; a regression without a jump has no boundary."""
    numbers = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
    nearest = fitted(make_pipeline(numbers, KNeighborsRegressor(2)))
    found = boundaries(nearest, contract())
    assert neighbours_of(found) >= 2
    assert len(boundaries(fitted(make_pipeline(prepared(), Ridge())), contract())) == 0


def test_what_is_decided_inside_is_found() -> None:
    """The labels of a classifier in front of another one change on a boundary of its own."""
    promised = contract(classes=LABELS)
    stack = fitted(
        make_pipeline(
            prepared(),
            StackingClassifier(
                [("nearest", KNeighborsClassifier(3))], DecisionTreeClassifier(max_depth=1, random_state=0), cv=2
            ),
        ),
        labels=True,
    )
    found = boundaries(stack, promised)
    taken = stack[:-1].transform(to_frame(found, promised))
    assert neighbours_of(found) >= 2
    assert len(set(stack[-1].estimators_[0].predict(taken))) > 1


def test_nothing_moves_without_numbers() -> None:
    """A table of categories only has no lines."""
    promised = contract().model_copy(update={"features": contract().features[4:]})
    frame, target = table(200)
    rows = to_rows(frame, promised)
    pipeline = make_pipeline(ColumnTransformer([("flag", "passthrough", ["new"])]), KNeighborsRegressor(1)).fit(
        to_frame(rows, promised), target
    )
    assert boundary_rows(
        pipeline, promised, plain_graph(fitted(make_pipeline(prepared(), Ridge())), contract()), rows, 2000
    ).shape == (0, 2)
