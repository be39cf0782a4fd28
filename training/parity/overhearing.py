"""Overhearing: what the fitted objects inside a pipeline are asked, and what they answer, while the pipeline works.

A pipeline of pipelines, unions, votes and stacks hands its rows on in its own way. Instead of repeating that way, the
proof lets the pipeline go it and listens: each object of interest has its methods covered, for the time of one call, by
ones that note their argument and answer.
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
class Heard:
    """What one fitted object was asked first, and what it answered to it."""

    taken: Any
    """The first argument: a frame, an array or a sparse matrix of N rows."""
    answers: dict[str, Any] = field(default_factory=dict)
    """The first answer of each method that was called."""


class _HeardAllError(Exception):
    """Ends a pipeline's work once everything of interest was said."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn work in this thread alone, so that its sums come in one order."""
    with threadpool_limits(limits=1), joblib.parallel_config(backend="sequential"):
        yield


def overhear(
    pipeline: Any, frame: pd.DataFrame, objects: Sequence[Any], *, answers: bool = False
) -> list[Heard | None]:
    """Let a pipeline predict, and return what each of some objects inside it was asked.

    Args:
        pipeline: fitted; may be one of the objects itself.
        frame: the rows that it is asked about.
        objects: fitted objects within it.
        answers: whether their answers are wanted too. If not, the pipeline is stopped when the last one was asked, so
            that nobody waits for what the trees at its end would say.

    Returns:
        One entry for each object; None for one that was asked nothing.
    """
    heard: dict[int, Heard] = {}
    wanted = {id(model) for model in objects}
    unread = set() if answers else _voters(pipeline)

    def note(model: Any, X: Any) -> None:
        heard.setdefault(id(model), Heard(X))
        if not answers and len(heard) == len(wanted):
            raise _HeardAllError

    with ExitStack() as stack:
        # Other processes would not be heard.
        stack.enter_context(joblib.parallel_config(backend="sequential"))
        for model in {id(model): model for model in objects}.values():
            stack.enter_context(_covered(model, note, heard, is_read=id(model) not in unread))
        try:
            pipeline.predict(frame)
            if hasattr(pipeline, "predict_proba") and (answers or len(heard) < len(wanted)):
                pipeline.predict_proba(frame)
        except _HeardAllError:
            pass
    return [heard.get(id(model)) for model in objects]


@contextmanager
def _covered(model: Any, note: Any, heard: dict[int, Heard], *, is_read: bool) -> Iterator[None]:
    """Cover an object's methods by ones of its own that note what passes."""
    attributes = vars(model)
    covered = []
    for method in METHODS:
        original = getattr(model, method, None)
        if original is not None and method not in attributes:
            attributes[method] = _noting(model, method, original, note, heard, is_read=is_read)
            covered.append(method)
    try:
        yield
    finally:
        for method in covered:
            del attributes[method]


def _noting(model: Any, method: str, original: Any, note: Any, heard: dict[int, Heard], *, is_read: bool) -> Any:
    @functools.wraps(original)
    def ask(X: Any, *arguments: Any, **options: Any) -> Any:
        note(model, X)
        if not is_read and method == "predict":
            return np.zeros(X.shape[0])
        answer = original(X, *arguments, **options)
        heard[id(model)].answers.setdefault(method, answer)
        return answer

    return ask


def _voters(pipeline: Any) -> set[int]:
    """Return the identities of the members of a vote at a pipeline's end.

    All are asked the same, and their answers meet in their mean only. What one of them answers changes nothing of what another is asked, so nobody has to wait for it.
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
    """Return what an object was asked or answered as float64 of shape (N, width); what is no number is NaN."""
    if isinstance(values, list) and all(isinstance(part, np.ndarray) for part in values):
        # The probabilities of several labels, an array for each.
        return np.column_stack([as_numbers(part) for part in values]) if values else np.empty((0, 0))
    if sparse.issparse(values):
        values = values.toarray()
    if isinstance(values, pd.DataFrame):
        columns = [_column(values.iloc[:, at].to_numpy()) for at in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty((len(values), 0))
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    return np.column_stack([_column(array[:, at]) for at in range(array.shape[1])])


def _column(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    numeric = (int, float, np.integer, np.floating, np.bool_)
    return np.array([float(value) if isinstance(value, numeric) else np.nan for value in values], dtype=np.float64)
