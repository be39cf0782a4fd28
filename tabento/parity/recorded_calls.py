"""Recorded calls: the inputs and answers of the fitted objects inside a pipeline, taken while the pipeline predicts.

Pipelines of pipelines, unions, votes and stacks pass their rows on in different ways. The proof does not repeat these ways.
It runs the pipeline and records: for the time of one call, the methods of each object of interest are replaced by methods
that record their argument and their answer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

METHODS = ("transform", "predict", "predict_proba", "decision_function")


@dataclass
class RecordedCall:
    """The first call of one fitted object."""

    inputs: Any
    """The first argument: a frame, an array or a sparse matrix of N rows."""
    answers: dict[str, Any] = field(default_factory=dict)
    """The first answer of each method that was called."""


class _AllRecordedError(Exception):
    """Ends the pipeline's work when every object of interest was called."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Make scikit-learn use one thread while the block runs, so that it adds in one order."""
    with threadpool_limits(limits=1), joblib.parallel_config(backend="sequential"):
        yield


def record_calls(
    pipeline: Any, frame: pd.DataFrame, objects: Sequence[Any], *, answers: bool = False
) -> list[RecordedCall | None]:
    """Run a pipeline and record the first call of each of the given fitted objects.

    Args:
        pipeline: fitted; it can be one of the objects itself.
        frame: the rows to predict.
        objects: fitted objects within it.
        answers: whether the answers are recorded too. If not, the pipeline is stopped when the last object is called, to
            save the time of the trees at its end.

    Returns:
        One entry for each object; None for an object that was not called.
    """
    calls: dict[int, RecordedCall] = {}
    object_ids = {id(model) for model in objects}
    skipped = set() if answers else _voters(pipeline)

    def record(model: Any, X: Any) -> None:
        calls.setdefault(id(model), RecordedCall(X))
        if not answers and len(calls) == len(object_ids):
            raise _AllRecordedError

    with ExitStack() as stack:
        # Other processes would not be calls.
        stack.enter_context(joblib.parallel_config(backend="sequential"))
        for model in {id(model): model for model in objects}.values():
            stack.enter_context(_replaced_methods(model, record, calls, is_run=id(model) not in skipped))
        try:
            pipeline.predict(frame)
            if hasattr(pipeline, "predict_proba") and (answers or len(calls) < len(object_ids)):
                pipeline.predict_proba(frame)
        except _AllRecordedError:
            pass
    return [calls.get(id(model)) for model in objects]


@contextmanager
def _replaced_methods(model: Any, record: Any, calls: dict[int, RecordedCall], *, is_run: bool) -> Iterator[None]:
    """Replace the methods of an object, while the block runs, by methods that record their calls."""
    attributes = vars(model)
    replaced = []
    for method in METHODS:
        original = getattr(model, method, None)
        if original is not None and method not in attributes:
            attributes[method] = _recording_method(model, method, original, record, calls, is_run=is_run)
            replaced.append(method)
    try:
        yield
    finally:
        for method in replaced:
            del attributes[method]


def _recording_method(
    model: Any, method: str, original: Any, record: Any, calls: dict[int, RecordedCall], *, is_run: bool
) -> Any:
    @functools.wraps(original)
    def call(X: Any, *arguments: Any, **options: Any) -> Any:
        record(model, X)
        if not is_run and method == "predict":
            return np.zeros(X.shape[0])
        answer = original(X, *arguments, **options)
        calls[id(model)].answers.setdefault(method, answer)
        return answer

    return call


def _voters(pipeline: Any) -> set[int]:
    """Return the identities of the members of a vote at a pipeline's end.

    All members get the same inputs, and their answers are used in the mean only. The answer of one member does not change the
    inputs of another one, so the members do not have to run.
    """
    model = pipeline
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif isinstance(model, TransformedTargetRegressor):
            model = model.regressor_
        else:
            break
    return {id(member) for member in model.estimators_} if isinstance(model, VotingRegressor) else set()


def as_numbers(values: Any) -> NDArray[np.float64]:
    """Return the input or the answer of an object as float64 of shape (N, width); a value that is not a number is NaN."""
    if isinstance(values, list) and all(isinstance(part, np.ndarray) for part in values):
        # The probabilities of several labels are a list of arrays.
        return np.column_stack([as_numbers(part) for part in values]) if values else np.empty((0, 0))
    if sparse.issparse(values):
        values = values.toarray()
    if isinstance(values, pd.DataFrame):
        columns = [_column(values.iloc[:, index].to_numpy()) for index in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty((len(values), 0))
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    return np.column_stack([_column(array[:, index]) for index in range(array.shape[1])])


def _column(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    numeric = (int, float, np.integer, np.floating, np.bool_)
    return np.array([float(value) if isinstance(value, numeric) else np.nan for value in values], dtype=np.float64)
