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

from tabento.bundle.contract import Contract
from tabento.export.convert import plain_graph
from tabento.parity.rows.boundaries import boundary_rows
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, NUMBERS, contract, fit_specimen, make_preprocessing, table

ROWS = to_rows(table(60, seed=4)[0].dropna(), contract())
NAMES = [feature.name for feature in contract().features]


def boundaries(pipeline: Any, target_contract: Contract) -> NDArray[np.float64]:
    """Return the boundary rows of a small proof."""
    return boundary_rows(pipeline, target_contract, plain_graph(pipeline, target_contract), ROWS, 2000)


def neighbours_of(rows: NDArray[np.float64]) -> int:
    """Return how many pairs of rows are the same or the next double in every column, categories the same."""
    low, high = rows[:, np.newaxis], rows[np.newaxis]
    is_near = (np.nextafter(low, high) == high) | (low == high)
    return int(is_near.all(axis=2).sum() - len(rows)) // 2


def test_both_sides_of_another_label_are_found() -> None:
    """Labels differ between two rows of which each number is the same or the next double."""
    target_contract = contract(classes=LABELS)
    linear = fit_specimen(make_pipeline(make_preprocessing(), LogisticRegression(max_iter=50)), labels=True)
    rows = boundaries(linear, target_contract)
    assert neighbours_of(rows) >= 4
    assert len(set(linear.predict(to_frame(rows, target_contract)))) > 1


def test_an_outlier_detector_has_a_boundary() -> None:
    """It has labels and no ``classes_``; both of them are found side by side."""
    target_contract = contract(classes=(-1, 1), probabilities=False)
    detector = fit_specimen(make_pipeline(make_preprocessing(), OneClassSVM(nu=0.3)))
    rows = boundaries(detector, target_contract)
    assert neighbours_of(rows) >= 4
    assert set(detector.predict(to_frame(rows, target_contract))) == {-1, 1}


def test_jumps_of_a_number_are_found() -> None:
    """Neighbours jump between two training rows; a regression without a jump has no boundary."""
    numbers = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
    nearest = fit_specimen(make_pipeline(numbers, KNeighborsRegressor(2)))
    rows = boundaries(nearest, contract())
    assert neighbours_of(rows) >= 2
    assert len(boundaries(fit_specimen(make_pipeline(make_preprocessing(), Ridge())), contract())) == 0


def test_decisions_of_inner_classifiers_are_found() -> None:
    """The labels of a classifier before another one change on a boundary of their own."""
    target_contract = contract(classes=LABELS)
    stack = fit_specimen(
        make_pipeline(
            make_preprocessing(),
            StackingClassifier(
                [("nearest", KNeighborsClassifier(3))], DecisionTreeClassifier(max_depth=1, random_state=0), cv=2
            ),
        ),
        labels=True,
    )
    rows = boundaries(stack, target_contract)
    inputs = stack[:-1].transform(to_frame(rows, target_contract))
    assert neighbours_of(rows) >= 2
    assert len(set(stack[-1].estimators_[0].predict(inputs))) > 1


def test_nothing_moves_without_numbers() -> None:
    """A table of categories only has no lines."""
    target_contract = contract().model_copy(update={"features": contract().features[4:]})
    frame, target = table(200)
    rows = to_rows(frame, target_contract)
    pipeline = make_pipeline(ColumnTransformer([("flag", "passthrough", ["new"])]), KNeighborsRegressor(1)).fit(
        to_frame(rows, target_contract), target
    )
    assert boundary_rows(
        pipeline,
        target_contract,
        plain_graph(fit_specimen(make_pipeline(make_preprocessing(), Ridge())), contract()),
        rows,
        2000,
    ).shape == (0, 2)
