"""Steadiness: rows that scikit-learn itself does not answer in one way are told from rows that the graph gets wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from tests.training.parity.specimens import NUMBERS, change_splits, contract, fitted, table
from training.export import export_pipeline, serialise
from training.export.convert import plain_graph
from training.export.pen import Pen
from training.export.registry import TRANSFORMERS
from training.export.values import Columns
from training.frames import to_frame, to_rows
from training.parity import Limits, ParityError, check_parity
from training.parity.branches import BranchProbe
from training.parity.lines import taken_by
from training.parity.steadiness import Steadiness

FRAME = table(200, seed=4)[0]
ROWS = to_rows(FRAME, contract())


class Company(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns as they are, but a little more where many rows come together, as linear algebra may do it."""

    shake = 0.0
    """By how much, relative."""
    batch = 6
    """From how many rows on."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Add something to every number that depends on the number of rows."""
        values = np.asarray(X, dtype=np.float64)
        return values * (1 + (self.shake if len(values) >= self.batch else 0.0))


def as_they_are(pen: Pen, model: Company, columns: Columns) -> Columns:
    """Write the transformer as it answers to few rows."""
    return columns


@contextmanager
def company(shake: float = 1e-12, batch: int = 6) -> Iterator[None]:
    """Let ``Company`` be exported, and change numbers by so much in batches from a size on."""
    TRANSFORMERS[Company] = as_they_are
    Company.shake, Company.batch = shake, batch
    try:
        yield
    finally:
        del TRANSFORMERS[Company]


def linear() -> Any:
    """Return a fitted linear pipeline behind ``Company``."""
    columns = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
    return fitted(make_pipeline(columns, Company(), Ridge()))


def judged(change: Any = None, batch: int = 0) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows of a stump behind ``Company`` on another branch, and which of them are undecided.

    Args:
        change: of the graph's threshold.
        batch: from how many rows on ``Company`` shakes what it is given; 0 for its own number.
    """
    with company(batch=batch or 6):
        columns = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
        pipeline = fitted(make_pipeline(columns, Company(), DecisionTreeRegressor(max_depth=1, random_state=0)))
        threshold = float(pipeline[-1].tree_.threshold[0])
        column = int(pipeline[-1].tree_.feature[0])
        rows = ROWS.copy()
        # So near that the company decides: the trees compare in float32, whose units are wider than the shake.
        middle = float(np.float32(threshold)) / 2 + float(np.nextafter(np.float32(threshold), np.float32(np.inf))) / 2
        rows[:20, column] = np.nextafter(middle, -np.inf) if threshold > 0 else np.nextafter(middle, np.inf)
        model = export_pipeline(pipeline, contract())
        if change is not None:
            change_splits(model, change)
        probe = BranchProbe(pipeline, model, contract(), plain_graph(pipeline, contract()))
        frame = to_frame(rows, contract())
        steadiness = Steadiness(pipeline, contract(), probe, frame)
        compared = probe.compare(rows, taken_by(pipeline, contract(), rows, probe.estimators))
        other = np.flatnonzero(compared.other)
        return other, steadiness.branches_undecided(compared.reached, frame.iloc[other])


def test_rows_that_the_company_decides_are_undecided() -> None:
    """A row for which scikit-learn takes both branches, by the batch in which it comes, is held against nobody."""
    other, undecided = judged()
    np.testing.assert_array_equal(other, np.arange(20))
    assert undecided.all()


def test_rows_of_which_scikit_learn_is_of_one_mind_are_decided() -> None:
    """A row as near to the threshold is wrong in the graph if scikit-learn takes one branch only, however it is asked."""
    other, undecided = judged(batch=1)
    np.testing.assert_array_equal(other, np.arange(20))
    assert not undecided.any()


def test_wrong_threshold_is_not_excused() -> None:
    """Rows that the graph sends elsewhere by more than that rounding stay wrong."""
    other, undecided = judged(lambda splits: splits + 0.25)
    assert (other >= 20).any()
    assert not undecided[other >= 20].any()


def test_answers_that_the_company_changes_are_undecided() -> None:
    """If scikit-learn's own answers to a row differ by more than rounding, the graph may give either of them."""
    with company(shake=1e-4):
        pipeline = linear()
        report = check_parity(
            pipeline,
            serialise(export_pipeline(pipeline, contract())),
            contract(),
            FRAME,
            max_rows=1000,
            limits=Limits(undecided_share=None, undecided_hostile_share=None, cancelled_share=None),
        )
    assert report.undecided > 0
    assert report.worst_relative <= 1e-9


def test_share_of_undecided_rows_is_limited() -> None:
    """A pipeline whose answers hang on the batch on most rows is not proven."""
    with company(shake=1e-4):
        pipeline = linear()
        with pytest.raises(ParityError, match=r"0\.100% of the test rows undecided"):
            check_parity(pipeline, serialise(export_pipeline(pipeline, contract())), contract(), FRAME, max_rows=1000)


def test_rounding_of_terms_that_cancel_is_counted_apart() -> None:
    """A difference of a few times what scikit-learn's own answers differ by is rounding if it is small."""
    with company(shake=4e-10):
        pipeline = linear()
        probe = BranchProbe(
            pipeline, export_pipeline(pipeline, contract()), contract(), plain_graph(pipeline, contract())
        )
        frame = to_frame(ROWS[:30], contract())
        shaken = pipeline.predict(frame)[:, np.newaxis]
        alone = np.concatenate([pipeline.predict(frame.iloc[[at]]) for at in range(30)])[:, np.newaxis]
        judge = Steadiness(pipeline, contract(), probe, frame).judge
        near = judge(frame, [shaken, alone + 3 * (shaken - alone)], np.zeros(1), 1e-9)
        far = judge(frame, [shaken, shaken * (1 + 1e-5)], np.zeros(1), 1e-9)
    assert not near.undecided.any()
    assert near.cancelled.all()
    assert not far.excused.any()


def test_wrong_answers_are_not_excused_by_rounding() -> None:
    """A graph that is off by far more than the pipeline's own rounding fails all the same."""
    with company(shake=5e-9):
        pipeline = linear()
        model = export_pipeline(pipeline, contract())
        weights = next(given for given in model.graph.initializer if numpy_helper.to_array(given).dtype == np.float64)
        weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * (1 + 1e-5), weights.name))
        with pytest.raises(ParityError):
            check_parity(pipeline, serialise(model), contract(), FRAME, max_rows=1000)


def test_pipeline_that_raises_on_a_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As scikit-learn's SparsePCA does, whose array has one dimension for a row alone: that is no answer."""
    transform = Company.transform

    def raises_alone(self: Company, X: pd.DataFrame) -> NDArray[np.float64]:
        if len(X) == 1:
            raise ValueError("Expected 2D array, got 1D array instead")
        return transform(self, X)

    monkeypatch.setattr(Company, "transform", raises_alone)
    with company(shake=1e-4, batch=1):
        pipeline = linear()
        model = serialise(export_pipeline(pipeline, contract()))
        with pytest.raises(ParityError, match="relative"):
            check_parity(pipeline, model, contract(), FRAME, max_rows=200)
    other, undecided = judged(batch=1)
    assert len(other)
    assert not undecided.any()


def test_batch_on_which_the_pipeline_raises_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that cannot take a lone row, as SparsePCA, is asked in the other batches."""
    plain = Company.transform

    def transform(self: Company, X: pd.DataFrame) -> NDArray[np.float64]:
        if len(X) == 1:
            raise ValueError("expected rows, got one")
        return plain(self, X)

    monkeypatch.setattr(Company, "transform", transform)
    other, undecided = judged()
    assert len(other) == 20
    assert undecided.all()
