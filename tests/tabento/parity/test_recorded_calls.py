"""Recorded calls: inputs and answers of the objects inside a pipeline, for each path through the pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor, StackingRegressor, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.parity.recorded_calls import as_numbers, record_calls
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import contract, fit_specimen, make_preprocessing, table

FRAME = to_frame(to_rows(table(30)[0], contract()), contract())


def test_trees_inside_a_vote_inside_a_pipeline_are_heard() -> None:
    """The rows that a member of a vote is given are those that its steps make of the pipeline's."""
    member = make_pipeline(StandardScaler(), RandomForestRegressor(2, random_state=0, n_jobs=2))
    pipeline = fit_specimen(
        make_pipeline(make_preprocessing(), VotingRegressor([("forest", member), ("ridge", Ridge())]))
    )
    forest = pipeline[-1].estimators_[0][-1]
    (calls,) = record_calls(pipeline, FRAME, [forest])
    assert calls is not None
    np.testing.assert_array_equal(
        calls.inputs, pipeline[-1].estimators_[0][:-1].transform(pipeline[:-1].transform(FRAME))
    )


class Refusing(DummyRegressor):  # type: ignore[misc]
    """A member of a vote that answers nothing."""

    def predict(self, X: object) -> Any:
        """Raise an error."""
        raise AssertionError("it was asked for an answer that nobody reads")


def test_members_of_a_last_vote_are_not_computed() -> None:
    """A member's answer does not change the next member's input, so it is computed only on request."""
    vote = VotingRegressor([("first", Refusing()), ("second", DecisionTreeRegressor(max_depth=2))])
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), TransformedTargetRegressor(vote)))
    members = pipeline[-1].regressor_.estimators_
    inputs = pipeline[:-1].transform(FRAME)
    for calls in record_calls(pipeline, FRAME, members):
        assert calls is not None
        np.testing.assert_array_equal(calls.inputs, inputs)
    with pytest.raises(AssertionError, match="nobody reads"):
        record_calls(pipeline, FRAME, members, answers=True)
    with pytest.raises(AssertionError, match="nobody reads"):
        pipeline.predict(FRAME)


def test_final_estimator_of_a_stack_is_heard() -> None:
    """A stack's final estimator is given the answers of the others."""
    stack = StackingRegressor([("ridge", Ridge())], final_estimator=DecisionTreeRegressor(max_depth=2), cv=2)
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), stack))
    (calls,) = record_calls(pipeline, FRAME, [pipeline[-1].final_estimator_])
    assert calls is not None
    assert as_numbers(calls.inputs).shape == (30, 1)


def test_answers_are_recorded_too() -> None:
    """If answers are requested, transforms, predictions and probabilities are recorded."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), LogisticRegression(max_iter=1)), labels=True)
    calls = record_calls(pipeline, FRAME, [pipeline[0], pipeline[-1], pipeline], answers=True)
    assert calls[0] is not None
    assert calls[1] is not None
    assert calls[2] is not None
    np.testing.assert_array_equal(calls[0].answers["transform"], pipeline[0].transform(FRAME))
    assert {"predict", "predict_proba"} <= set(calls[1].answers)
    np.testing.assert_array_equal(calls[2].answers["predict"], pipeline.predict(FRAME))


def test_pipeline_is_left_as_it_was() -> None:
    """Nothing remains on the objects, and the pipeline stops once everything was calls."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), Ridge()))
    before = [set(vars(step)) for _, step in pipeline.steps]
    record_calls(pipeline, FRAME, [pipeline[0], pipeline[-1]])
    assert [set(vars(step)) for _, step in pipeline.steps] == before


def test_silent_object_is_none() -> None:
    """An object that the pipeline does not ask has no entry."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), Ridge()))
    calls = record_calls(pipeline, FRAME, [pipeline[0], Ridge()])
    assert calls[0] is not None
    assert calls[1] is None


def test_everything_becomes_numbers() -> None:
    """Frames, sparse matrices, one-dimensional and mixed arrays become float64 of two dimensions."""
    mixed = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False]})
    np.testing.assert_array_equal(as_numbers(mixed), [[1, np.nan, 1], [2, np.nan, 0]])
    np.testing.assert_array_equal(as_numbers(sparse.csr_array(np.eye(2))), np.eye(2))
    assert as_numbers(np.zeros(3, dtype=np.float32)).shape == (3, 1)
    np.testing.assert_array_equal(as_numbers(np.array([[1, "x"]], dtype=object)), [[1, np.nan]])
