"""Asking both sides: scikit-learn's pipeline, and the graph in ONNX Runtime."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.judge.margins import margin
from benchmarks.judge.space import Space
from bundle.contract import Contract
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.wide_rows import wide_rows

CHUNK_ROWS = 1_000
"""The most rows that one call of the graph gets, as in the service."""
PIPELINE_ROWS = 2_000
"""The most rows that one call of the pipeline gets."""
Part = Literal["all", "labels", "probabilities"]
NO_PLACE = -1.0
"""The place of a label that the contract does not list."""


class GraphError(Exception):
    """The graph does not answer."""


class Owner:
    """The pipeline's answers, as its owner gets them."""

    def __init__(self, pipeline: Any, space: Space) -> None:
        self.pipeline = pipeline
        self.space = space
        contract = space.contract
        self._classes = contract.output.classes
        self._several = contract.output.label_sets if contract.output.targets is not None else ()
        self._probabilities = contract.output.probabilities
        self.calls = 0

    def answers(self, rows: NDArray[np.float64], part: Part = "all") -> NDArray[np.float64]:
        """Return the answers of one call, float64 of shape (N, W): numbers; or a label's place, then probabilities.

        Only labels, or only probabilities, if that ``part`` is asked for. Whatever the pipeline raises is raised.
        """
        self.calls += 1
        frame = self.space.owner_frame(rows)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if part == "probabilities":
                return np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
            answer = np.asarray(self.pipeline.predict(frame))
            if self._several:
                return _places(answer, self._several)
            if self._classes is None:
                return answer.astype(np.float64).reshape(len(rows), -1)
            places = {label: float(place) for place, label in enumerate(self._classes)}
            labels = np.array([places.get(label, NO_PLACE) for label in answer.ravel().tolist()], dtype=np.float64)
            if not self._probabilities or part == "labels":
                return labels[:, np.newaxis]
            shares = np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
        return np.concatenate([labels[:, np.newaxis], shares], axis=1)

    def answers_or_raises(
        self, rows: NDArray[np.float64], part: Part = "all"
    ) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Return the answers, NaN for rows that raise, and the errors by row. Rows that raise are found by halves."""
        errors: dict[int, str] = {}
        pending = [
            np.arange(start, min(start + PIPELINE_ROWS, len(rows))) for start in range(0, len(rows), PIPELINE_ROWS)
        ]
        found: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
        while pending:
            places = pending.pop()
            try:
                found.append((places, self.answers(rows[places], part)))
            except Exception as error:  # a pipeline may raise anything
                if len(places) == 1:
                    errors[int(places[0])] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                else:
                    pending += [places[: len(places) // 2], places[len(places) // 2 :]]
        width = found[0][1].shape[1] if found else 1
        answers = np.full((len(rows), width), np.nan)
        for places, some in found:
            answers[places] = some
        return answers, errors

    def margin(self, row: NDArray[np.float64]) -> float:
        """Return how far one row, shape (1, F), is from another label; infinity if the pipeline does not tell."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return margin(self.pipeline, self.space.owner_frame(row))

    def is_single(self) -> bool:
        """Whether the pipeline computes in float32, so that it is compared to float32's rounding: XGBoost does."""
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
            GraphError: it raises, or does not give one answer a row.
        """
        packed = self._space.packed(rows)
        parts = []
        for start in range(0, len(packed), CHUNK_ROWS):
            chunk = wide_rows(self._session, packed[start : start + CHUNK_ROWS])
            try:
                (answer,) = self._session.run([PREDICTION_NAME], {INPUT_NAME: chunk})
            except Exception as error:  # ONNX Runtime's errors share no public base class
                raise GraphError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
            if len(answer) != len(chunk):
                raise GraphError(f"{len(answer)} answers to {len(chunk)} rows")
            parts.append(np.asarray(answer, dtype=np.float64).reshape(len(chunk), -1))
        return np.concatenate(parts)


def _places(answer: NDArray[Any], several: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Return the places of several labels a row, each among its own classes, float64 of shape (N, labels)."""
    columns = []
    for at, classes in enumerate(several):
        places = {label: float(place) for place, label in enumerate(classes)}
        columns.append([places.get(label, NO_PLACE) for label in answer[:, at].tolist()])
    return np.array(columns, dtype=np.float64).T


def servable(answers: NDArray[np.float64], contract: Contract) -> NDArray[np.bool_]:
    """Return which answers the service would send: finite numbers, and labels that the contract lists."""
    fine = np.isfinite(answers).all(axis=1)
    if contract.output.classes is not None:
        fine = fine & np.isin(answers[:, 0], np.arange(len(contract.output.classes)))
    return np.asarray(fine, dtype=np.bool_)


def _holds_module(thing: Any, module: str, depth: int = 12) -> bool:
    """Whether an object of the module is anywhere inside a fitted pipeline."""
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
