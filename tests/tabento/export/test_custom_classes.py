"""Classes of a user's own: estimators that write themselves, and subclasses that change nothing that computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

CONTRACT = contract_of(number("a", minimum=-9, maximum=9), number("b", minimum=-9, maximum=9))
ROWS = np.random.default_rng(3).uniform(-9, 9, (60, 2))
FRAME = to_frame(ROWS, CONTRACT)


class _Nearer(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A classifier by the side of a learned point on which the first column is, with fixed probabilities."""

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        self.middle_ = float(np.median(np.asarray(X)[:, 0]))
        return self

    def predict_proba(self, X: Any) -> Any:
        above = (np.asarray(X)[:, 0] > self.middle_).astype(float)
        return np.c_[1 - above, above]

    def predict(self, X: Any) -> Any:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def write_graph(self, writer: Any, columns: Any) -> Any:
        middle = writer.constant(np.full((1, 1), self.middle_), "middle")
        above = writer.cast(writer.node("Greater", [writer.pick(columns, [0]).name, middle]))
        below = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), above])
        return writer.scores(above, writer.concatenate([below, above]))


def test_classifier_writes_itself() -> None:
    """Labels and probabilities are equal to `predict` and `predict_proba`, and the proof compares both."""
    rows = table(300)
    check(_Nearer().fit(rows, labels(rows, ["x", "y"])), rows)
    contract = number_contract(6, ("x", "y"), probabilities=True)
    frame = to_frame(rows, contract)
    model = make_pipeline(StandardScaler(), _Nearer()).fit(frame, labels(rows, ["x", "y"]))
    report = check_parity(model, serialise(export_pipeline(model, contract)), contract, frame, max_rows=800)
    assert report.label_flips == 0


class _Constant(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A regressor whose answer and graph method are arguments of its test."""

    answer: Any = None

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))

    def write_graph(self, writer: Any, columns: Any) -> Any:
        return self.answer(writer, columns) if callable(self.answer) else self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "expected to return the name of a value, got NoneType"),
        ("nowhere", "'nowhere', which is not a value of the graph"),
        (lambda writer, columns: columns, "expected to return the name of a value, got Columns"),
        (lambda writer, columns: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_misuse_by_a_regressor_is_refused(answer: Any, message: str) -> None:
    """The value that the method returns is checked before it is used."""
    model = _Constant()
    model.answer = answer
    with pytest.raises(ExportError, match=message):
        export_pipeline(model.fit(FRAME, ROWS[:, 0]), CONTRACT)


class _WrongTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X)

    def write_graph(self, writer: Any, columns: Any) -> Any:
        return writer.numbers(columns.name, 3)


def test_a_transformer_needs_no_names() -> None:
    """Without `get_feature_names_out` the number of columns is the width of the value."""
    with pytest.raises(ExportError, match="returns 3 columns, and its value has 2"):
        write_transformer(_WrongTransformer().fit(FRAME), CONTRACT)


class _Renamed(StandardScaler):  # type: ignore[misc] # scikit-learn has no types
    """A scaler with other defaults and other names."""

    def __init__(self, with_mean: bool = False, note: str = "") -> None:
        super().__init__(with_mean=with_mean)
        self.note = note

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array([f"scaled_{place}" for place in range(self.n_features_in_)], dtype=object)

    def helper(self) -> str:
        return self.note


class _Forest(RandomForestRegressor):  # type: ignore[misc] # scikit-learn has no types
    """A forest under another name."""


class _Logistic(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
    """A classifier under another name."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(np.clip(X, -3, 3), y)


class _ClippedScaler(StandardScaler):  # type: ignore[misc] # scikit-learn has no types
    def transform(self, X: Any, copy: Any = None) -> Any:
        return np.clip(super().transform(X), -1, 1)


class _Mixin:
    def predict(self, X: Any) -> Any:
        return super().predict(X) * 2  # type: ignore[misc]


class _DoubledRidge(_Mixin, Ridge):  # type: ignore[misc] # scikit-learn has no types
    pass


def test_subclasses_that_change_nothing_are_exported() -> None:
    """A subclass with another constructor, name, helper or fit is exported from its fitted attributes."""
    assert_same(_Renamed().fit(FRAME), CONTRACT, ROWS)
    model = make_pipeline(_Renamed(), _Forest(5, random_state=0)).fit(FRAME, ROWS[:, 0])
    report = check_parity(model, serialise(export_pipeline(model, CONTRACT)), CONTRACT, FRAME, max_rows=400)
    assert (report.trees, report.other_branches, report.worst_relative) == (5, 0, 0.0)
    rows = table(200)
    check(_Logistic().fit(rows, labels(rows, [0, 1])), rows)


def test_subclasses_that_compute_are_refused() -> None:
    """The error names the method that the class, its mixin or the object itself changes."""
    with pytest.raises(ExportError, match=r"it is a StandardScaler with `transform` of its own.*StandardScaler itself"):
        write_transformer(_ClippedScaler().fit(FRAME), CONTRACT)
    with pytest.raises(ExportError, match="it is a Ridge with `predict` of its own"):
        export_pipeline(_DoubledRidge().fit(FRAME, ROWS[:, 0]), CONTRACT)
    model = Ridge().fit(FRAME, ROWS[:, 0])
    model.predict = lambda X: np.zeros(len(X))
    with pytest.raises(ExportError, match="Ridge has no exact conversion"):
        export_pipeline(model, CONTRACT)
