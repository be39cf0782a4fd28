"""Batch sensitivity: rows whose answers by scikit-learn depend on the batch are not errors of the graph."""

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

from tabento.export import export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import TRANSFORMERS
from tabento.parity import Limits, ParityError, check_parity
from tabento.parity.comparison.batch_sensitivity import BatchSensitivity
from tabento.parity.comparison.branches import BranchProbe
from tabento.parity.rows.split_lines import recorded_inputs
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import NUMBERS, change_splits, contract, fit_specimen, table

FRAME = table(200, seed=4)[0]
ROWS = to_rows(FRAME, contract())


class Company(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that adds a little to the columns of large batches, as linear algebra can."""

    shake = 0.0
    """The relative change."""
    batch = 6
    """The smallest number of rows that is changed."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Add something to every number that depends on the number of rows."""
        values = np.asarray(X, dtype=np.float64)
        return values * (1 + (self.shake if len(values) >= self.batch else 0.0))


def as_they_are(writer: GraphWriter, model: Company, columns: Columns) -> Columns:
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
    """Return a fitted linear pipeline after ``Company``."""
    columns = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
    return fit_specimen(make_pipeline(columns, Company(), Ridge()))


def rows_on_other_branches(change: Any = None, batch: int = 0) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows of a stump after ``Company`` on another branch, and the mask of undecided rows.

    Args:
        change: of the graph's threshold.
        batch: from how many rows on ``Company`` shakes what it is given; 0 for its own number.
    """
    with company(batch=batch or 6):
        columns = ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])])
        pipeline = fit_specimen(make_pipeline(columns, Company(), DecisionTreeRegressor(max_depth=1, random_state=0)))
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
        sensitivity = BatchSensitivity(pipeline, contract(), probe, frame)
        compared = probe.compare(rows, recorded_inputs(pipeline, contract(), rows, probe.estimators))
        other = np.flatnonzero(compared.other)
        return other, sensitivity.undecided_branches(compared.leaves, frame.iloc[other])


def test_rows_whose_branch_depends_on_the_batch_are_undecided() -> None:
    """A row for which scikit-learn takes both branches, depending on the batch, is not an error of the graph."""
    other, undecided = rows_on_other_branches()
    np.testing.assert_array_equal(other, np.arange(20))
    assert undecided.all()


def test_rows_with_one_branch_in_all_batches_are_decided() -> None:
    """A row near the threshold is an error of the graph if scikit-learn takes one branch in every batch."""
    other, undecided = rows_on_other_branches(batch=1)
    np.testing.assert_array_equal(other, np.arange(20))
    assert not undecided.any()


def test_wrong_threshold_is_not_excused() -> None:
    """Rows that the graph sends elsewhere by more than that rounding stay wrong."""
    other, undecided = rows_on_other_branches(lambda splits: splits + 0.25)
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
    """A pipeline whose answers depend on the batch on most rows fails the proof."""
    with company(shake=1e-4):
        pipeline = linear()
        with pytest.raises(ParityError, match=r"0\.100% of the test rows undecided"):
            check_parity(pipeline, serialise(export_pipeline(pipeline, contract())), contract(), FRAME, max_rows=1000)


def test_rounding_of_terms_that_cancel_is_counted_separately() -> None:
    """A small difference of a few times scikit-learn's own differences is rounding."""
    with company(shake=4e-10):
        pipeline = linear()
        probe = BranchProbe(
            pipeline, export_pipeline(pipeline, contract()), contract(), plain_graph(pipeline, contract())
        )
        frame = to_frame(ROWS[:30], contract())
        shaken = pipeline.predict(frame)[:, np.newaxis]
        alone = np.concatenate([pipeline.predict(frame.iloc[[index]]) for index in range(30)])[:, np.newaxis]
        explain = BatchSensitivity(pipeline, contract(), probe, frame).explain_differences
        slight = explain(frame, [shaken, alone + 3 * (shaken - alone)], np.zeros(1), 1e-9)
        far = explain(frame, [shaken, shaken * (1 + 1e-5)], np.zeros(1), 1e-9)
    assert not slight.undecided.any()
    assert slight.is_cancellation.all()
    assert not far.excluded.any()


def test_wrong_answers_are_not_excused_by_rounding() -> None:
    """A graph that is off by far more than the pipeline's own rounding fails all the same."""
    with company(shake=5e-9):
        pipeline = linear()
        model = export_pipeline(pipeline, contract())
        weights = next(
            constant for constant in model.graph.initializer if numpy_helper.to_array(constant).dtype == np.float64
        )
        weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * (1 + 1e-5), weights.name))
        with pytest.raises(ParityError):
            check_parity(pipeline, serialise(model), contract(), FRAME, max_rows=1000)


def test_pipeline_that_raises_on_a_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error on a single row, as of scikit-learn's SparsePCA, is not an answer."""
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
    other, undecided = rows_on_other_branches(batch=1)
    assert len(other)
    assert not undecided.any()


def test_batch_on_which_the_pipeline_raises_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that raises on a single row, as SparsePCA, is called with the other batches."""
    plain = Company.transform

    def transform(self: Company, X: pd.DataFrame) -> NDArray[np.float64]:
        if len(X) == 1:
            raise ValueError("expected rows, got one")
        return plain(self, X)

    monkeypatch.setattr(Company, "transform", transform)
    other, undecided = rows_on_other_branches()
    assert len(other) == 20
    assert undecided.all()
