"""The answers of both sides: scikit-learn's pipeline, and the graph in ONNX Runtime."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.judge.margins import margin
from benchmarks.judge.space import Space
from tabento.bundle.contract import Contract
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.tables.wide_rows import wide_rows

CHUNK_ROWS = 1_000
"""The maximum number of rows in one call of the graph, as in the service."""
PIPELINE_ROWS = 2_000
"""The maximum number of rows in one call of the pipeline."""
Part = Literal["all", "labels", "probabilities"]
UNKNOWN_LABEL = -1.0
"""The index of a label that the contract does not list."""


class GraphError(Exception):
    """The graph gives no answer."""


def bisect_errors(
    answer: Callable[[NDArray[np.intp]], NDArray[np.float64]], count: int, batch: int, kind: type[Exception]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return answers of shape (count, W), NaN for rows that raise, and the errors by row.

    Args:
        answer: the function from indices of rows to their answers.
        count: the number of rows.
        batch: the maximum number of rows in the first calls; a batch that raises is divided in halves.
        kind: the class of the errors that are caught.
    """
    errors: dict[int, str] = {}
    pending = [np.arange(start, min(start + batch, count)) for start in range(0, count, batch)]
    parts: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    while pending:
        indices = pending.pop()
        try:
            parts.append((indices, answer(indices)))
        except kind as error:
            if len(indices) == 1:
                errors[int(indices[0])] = str(error) if isinstance(error, GraphError) else _error_text(error)
            else:
                pending += [indices[: len(indices) // 2], indices[len(indices) // 2 :]]
    width = parts[0][1].shape[1] if parts else 1
    answers = np.full((count, width), np.nan)
    for indices, part in parts:
        answers[indices] = part
    return answers, errors


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


class Owner:
    """The pipeline's answers on its owner's frames."""

    def __init__(self, pipeline: Any, space: Space) -> None:
        self.pipeline = pipeline
        self.space = space
        contract = space.contract
        self._classes = contract.output.classes
        self._several = contract.output.label_sets if contract.output.targets is not None else ()
        self._probabilities = contract.output.probabilities
        self.calls = 0

    def answers(self, rows: NDArray[np.float64], part: Part = "all") -> NDArray[np.float64]:
        """Return the answers of one call, float64 of shape (N, W): numbers; or the index of a label, then probabilities.

        Args:
            rows: rows of the space, shape (N, F).
            part: whether labels or probabilities alone are returned.

        Raises:
            Exception: any error of the pipeline.
        """
        self.calls += 1
        frame = self.space.owner_frame(rows)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if part == "probabilities":
                return np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
            answer = np.asarray(self.pipeline.predict(frame))
            if self._several:
                return _label_indices(answer, self._several)
            if self._classes is None:
                return answer.astype(np.float64).reshape(len(rows), -1)
            places = {label: float(place) for place, label in enumerate(self._classes)}
            labels = np.array([places.get(label, UNKNOWN_LABEL) for label in answer.ravel().tolist()], dtype=np.float64)
            if not self._probabilities or part == "labels":
                return labels[:, np.newaxis]
            shares = np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
        return np.concatenate([labels[:, np.newaxis], shares], axis=1)

    def answers_or_raises(
        self, rows: NDArray[np.float64], part: Part = "all"
    ) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Return the answers, NaN for rows that raise, and the errors by row. Bisection finds the rows that raise."""
        return bisect_errors(lambda indices: self.answers(rows[indices], part), len(rows), PIPELINE_ROWS, Exception)

    def margin(self, row: NDArray[np.float64]) -> float:
        """Return the distance of one row, shape (1, F), to another label; infinity if the pipeline has no scores."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return margin(self.pipeline, self.space.owner_frame(row))

    def is_single(self) -> bool:
        """Return True if the pipeline computes in float32, as XGBoost does. Its limit is the rounding of float32."""
        return _holds_module(self.pipeline, "xgboost")


class GraphAnswers:
    """The graph's answers in ONNX Runtime: one session, one thread."""

    def __init__(self, model: bytes, space: Space) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._space = space

    def answers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the answers, float64 of shape (N, W).

        Raises:
            GraphError: the graph raises, or does not give one answer a row.
        """
        packed = self._space.packed(rows)
        parts = []
        for start in range(0, len(packed), CHUNK_ROWS):
            chunk = wide_rows(self._session, packed[start : start + CHUNK_ROWS])
            try:
                (answer,) = self._session.run([PREDICTION_NAME], {INPUT_NAME: chunk})
            except Exception as error:  # ONNX Runtime's errors share no public base class
                raise GraphError(_error_text(error)) from error
            if len(answer) != len(chunk):
                raise GraphError(f"{len(answer)} answers to {len(chunk)} rows")
            parts.append(np.asarray(answer, dtype=np.float64).reshape(len(chunk), -1))
        return np.concatenate(parts)


def _label_indices(answer: NDArray[Any], several: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Return the indices of several labels a row, each among its own classes, float64 of shape (N, labels)."""
    columns = []
    for column, classes in enumerate(several):
        places = {label: float(place) for place, label in enumerate(classes)}
        columns.append([places.get(label, UNKNOWN_LABEL) for label in answer[:, column].tolist()])
    return np.array(columns, dtype=np.float64).T


def servable(answers: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Return a mask of the answers that the service would send: finite numbers, and labels that the contract lists."""
    fine = np.isfinite(answers).all(axis=1)
    if contract.output.classes is not None:
        fine = fine & np.isin(answers[:, 0], np.arange(len(contract.output.classes)))
    return np.asarray(fine, dtype=np.bool_)


def _holds_module(thing: Any, module: str, depth: int = 12) -> bool:
    """Return True if a fitted pipeline contains an object of the module."""
    if depth == 0 or isinstance(thing, str | bytes | int | float | np.ndarray | type(None)):
        return (
            isinstance(thing, np.ndarray)
            and thing.dtype == object
            and _holds_module(thing.ravel().tolist(), module, depth)
        )
    if type(thing).__module__.partition(".")[0] == module:
        return True
    if isinstance(thing, dict):
        return any(_holds_module(value, module, depth - 1) for value in thing.values())
    if isinstance(thing, list | tuple):
        return any(_holds_module(value, module, depth - 1) for value in thing)
    if not hasattr(thing, "get_params"):
        return False
    return any(_holds_module(value, module, depth - 1) for value in vars(thing).values())
