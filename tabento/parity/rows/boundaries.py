"""Boundaries: the two rows, adjacent in double precision, between which a pipeline changes its answer.

The thresholds of a tree can be read. The boundary between two labels, two clusters or two sets of neighbours cannot. It is
searched for from outside: two rows with different answers are the ends of a line, and the line is shortened around the change
until its ends are adjacent. Both ends are rows of the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor

from tabento.bundle.contract import Contract
from tabento.export.graph.graph import Graph
from tabento.export.label_answers import classes_of
from tabento.export.pipeline_answers import label_indices, pipeline_answers
from tabento.parity.recorded_calls import RecordedCall, as_numbers, record_calls
from tabento.tables.frames import to_frame

LINES_SHARE = 400
"""The number of rows of the proof for one line: the final answers get this number of lines, the inner objects the same."""
MIN_LINES = 6
CANDIDATES = 4
"""The number of pairs of rows that are sampled for each line."""
INNER = 6
"""The largest number of inner objects whose decisions are searched for."""
ROUNDS = 60
"""The largest number of rounds in which a line is divided in four: 2 bits each, 53 of a double, more for ends far from zero."""
SMOOTH_ROUNDS = 7
"""After this number of rounds the ends of a line are 16,000 times nearer."""
JUMP = 1e-3
"""If the answers of the ends then still differ by this share of their first difference, there is a jump between them."""
SEED = 23


@dataclass(frozen=True)
class Answers:
    """The answers of one object to N rows."""

    labels: NDArray[np.float64]
    """(N,) the label, as a number; zeros if it has none."""
    numbers: NDArray[np.float64]
    """(N, W)."""

    def by_line(self, points: int) -> Answers:
        """Return the answers by line, shapes (points, L) and (points, L, W)."""
        return Answers(self.labels.reshape(points, -1), self.numbers.reshape(points, len(self.labels) // points, -1))


AnswerFunction = Callable[[NDArray[np.float64], bool], list[Answers]]
"""Returns the answers of some objects to packed rows; the second argument is false if labels are enough."""


def boundary_rows(
    pipeline: Any, contract: Contract, plain: Graph, rows: NDArray[np.float64], max_rows: int
) -> NDArray[np.float64]:
    """Return rows on both sides of changes of a pipeline's answers, and of the answers of the objects inside it.

    Half of the lines between two rows change one number, half change all numbers together. Categories, booleans and missing
    values stay.

    Args:
        pipeline: fitted.
        contract: the columns.
        plain: the pipeline as the converters wrote it.
        rows: float64 of shape (N, F) that the pipeline answers, N at least 1.
        max_rows: the number of rows of the whole proof; the number of lines depends on it.

    Returns:
        Float64 of shape (B, F).
    """
    n_lines = max(max_rows // LINES_SHARE, MIN_LINES)
    boundaries = [np.empty((0, rows.shape[1]))]
    inner_objects = _inner_objects(pipeline, plain)
    functions: list[AnswerFunction] = [
        lambda points, numbers: [_final_answers(pipeline, contract, points, numbers=numbers)]
    ]
    if inner_objects:
        functions.append(lambda points, _: _inner_answers(pipeline, contract, inner_objects, points))
    for number, answer in enumerate(functions):
        # An encoder may refuse a number that it has not met, such as an integer with a fraction: then integers stay.
        for fixed_types in (("category", "boolean", "text"), ("category", "boolean", "text", "integer")):
            with suppress(_UnansweredError):
                generator = np.random.default_rng(SEED + number)
                boundaries.append(_search(_with_one_error(answer), contract, rows, n_lines, fixed_types, generator))
                break
    return np.unique(np.concatenate(boundaries), axis=0)


class _UnansweredError(Exception):
    """The pipeline raises an error on a row between two rows that it answers."""


def _with_one_error(answer: AnswerFunction) -> AnswerFunction:
    """Return a function with the same answers that raises one type of error for all errors of a pipeline."""

    def answer_or_raise(points: NDArray[np.float64], numbers: bool) -> list[Answers]:
        try:
            return answer(points, numbers)
        except Exception as error:
            raise _UnansweredError from error

    return answer_or_raise


def _search(
    answer: AnswerFunction,
    contract: Contract,
    rows: NDArray[np.float64],
    n_lines: int,
    fixed_types: tuple[str, ...],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Sample lines and shorten them; return the ends of the lines with a jump between their ends."""
    low, high = _sample_lines(contract, rows, n_lines * CANDIDATES, fixed_types, generator)
    if not len(low):
        return low
    ends = answer(np.concatenate([low, high]), True)
    targets, lines, by_label = [], [], []
    for number, answers in enumerate(ends):
        pair = answers.by_line(2)
        flips = pair.labels[0] != pair.labels[1]
        changes = _largest_difference(pair.numbers[0], pair.numbers[1]) > 0
        share = max(n_lines // len(ends), 2)
        for is_label, usable in ((True, flips), (False, changes & ~flips)):
            selected = np.flatnonzero(usable)[: share if is_label or not flips.any() else max(share // 2, 1)]
            targets += [number] * len(selected)
            lines += selected.tolist()
            by_label += [is_label] * len(selected)
    if not lines:
        return np.empty((0, rows.shape[1]))
    return _shorten(answer, low[lines], high[lines], np.array(targets), np.array(by_label))


def _sample_lines(
    contract: Contract,
    rows: NDArray[np.float64],
    count: int,
    fixed_types: tuple[str, ...],
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of lines between two different rows, each of shape (L, F)."""
    low, high = rows[generator.integers(0, len(rows), count)], rows[generator.integers(0, len(rows), count)]
    is_fixed = np.array([feature.type in fixed_types for feature in contract.features])
    free_columns = np.flatnonzero(~is_fixed)
    if not len(free_columns):
        return low[:0], high[:0]
    fixed_mask = np.tile(is_fixed, (count, 1))
    one_column = np.arange(0, count, 2)
    fixed_mask[one_column] = True
    fixed_mask[one_column, generator.choice(free_columns, len(one_column))] = False
    high = np.where(fixed_mask | np.isnan(low) | np.isnan(high), low, high)
    is_different = ((low != high) & ~np.isnan(low)).any(axis=1)
    return low[is_different], high[is_different]


def _shorten(
    answer: AnswerFunction,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    targets: NDArray[np.intp],
    by_label: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Search each line for the change: divide it in four, keep the quarter with the change, stop at adjacent doubles.

    Args:
        answer: the objects' answers.
        low: the first ends, shape (L, F); changed in place.
        high: the second ends, shape (L, F); changed in place.
        targets: the index of the object whose change is searched for, shape (L,).
        by_label: whether the change is one of the label, shape (L,); else of the largest number.

    Returns:
        Float64 of shape (2 · K, F): first the low ends, then the high ends. Lines without a jump are not included.
    """
    open_lines = np.arange(len(low))
    is_smooth = np.zeros(len(low), dtype=bool)
    first_widths: NDArray[np.float64] | None = None
    for number in range(ROUNDS):
        points = _quarters(low[open_lines], high[open_lines])
        needs_numbers = not by_label[open_lines].all()
        answers = [
            object_answers.by_line(len(points))
            for object_answers in answer(points.reshape(-1, low.shape[1]), needs_numbers)
        ]
        steps = np.zeros((len(points) - 1, len(open_lines)))
        widths = np.zeros(len(open_lines))
        for target, target_answers in enumerate(answers):
            mask = targets[open_lines] == target
            numbers = _largest_difference(target_answers.numbers[:-1], target_answers.numbers[1:])
            labels = (target_answers.labels[:-1] != target_answers.labels[1:]).astype(np.float64)
            steps[:, mask] = np.where(by_label[open_lines], labels, numbers)[:, mask]
            widths[mask] = _largest_difference(target_answers.numbers[0], target_answers.numbers[-1])[mask]
        best = steps.argmax(axis=0)
        column = np.arange(len(open_lines))
        low[open_lines], high[open_lines] = points[best, column], points[best + 1, column]
        first_widths = widths if first_widths is None else first_widths
        if number == SMOOTH_ROUNDS - 1:
            is_smooth[open_lines[~by_label[open_lines] & (widths <= JUMP * first_widths[open_lines])]] = True
        middle = _middle(low, high)
        is_open = ((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1) & ~is_smooth
        open_lines = np.flatnonzero(is_open)
        if not len(open_lines):
            break
    return np.concatenate([low[~is_smooth], high[~is_smooth]])


def _quarters(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return five points on each line, its ends included, shape (5, L, F)."""
    middle = _middle(low, high)
    return np.stack([low, _middle(low, middle), middle, _middle(middle, high), high])


def _middle(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    # Half of each, then added: the sum of two large values would not be finite.
    return np.where((low == high) | np.isnan(low), low, low / 2 + high / 2)


def _largest_difference(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference over the last axis; 0 if there is none."""
    if not left.shape[-1]:
        return np.zeros(left.shape[:-1])
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(left - right)
        return np.asarray(np.nan_to_num(difference, nan=0.0, posinf=np.finfo(np.float64).max).max(axis=-1))


def _final_answers(pipeline: Any, contract: Contract, points: NDArray[np.float64], *, numbers: bool) -> Answers:
    if not numbers and contract.output.classes is not None:
        labels = label_indices(pipeline.predict(to_frame(points, contract)), classes_of(pipeline))
        return Answers(labels, np.zeros((len(points), 0)))
    answers = pipeline_answers(pipeline, to_frame(points, contract), contract).reshape(len(points), -1)
    count = len(contract.output.label_sets)
    if not count:
        return Answers(np.zeros(len(points)), answers)
    labels = answers[:, 0] if count == 1 else _number_labels(answers[:, :count])
    return Answers(labels, answers[:, count:])


def _number_labels(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number for the labels of each row, (N, labels): equal labels have equal numbers, shape (N,)."""
    _, numbers = np.unique(labels, axis=0, return_inverse=True)
    return numbers.ravel().astype(np.float64)


def _inner_answers(
    pipeline: Any, contract: Contract, objects: Sequence[Any], points: NDArray[np.float64]
) -> list[Answers]:
    calls = record_calls(pipeline, to_frame(points, contract), objects, answers=True)
    return [_answers_of(model, call, len(points)) for model, call in zip(objects, calls, strict=True)]


def _answers_of(model: Any, call: RecordedCall | None, count: int) -> Answers:
    """Return the answers of an object inside the pipeline; the largest score, or the nearest cluster, is its label."""
    no_answers = Answers(np.zeros(count), np.zeros((count, 0)))
    if call is None:
        return no_answers
    for method in ("predict_proba", "decision_function", "predict", "transform"):
        if method in call.answers:
            numbers = as_numbers(call.answers[method])
            if method == "predict":
                if not is_classifier(model):
                    return Answers(np.zeros(count), numbers)
                _, labels = np.unique(np.asarray(call.answers[method]).astype(str), return_inverse=True)
                return Answers(labels.astype(np.float64).ravel(), np.zeros((count, 0)))
            if method == "transform":
                return Answers(numbers.argmin(axis=1).astype(np.float64), np.zeros((count, 0)))
            if numbers.shape[1] == 1:
                return Answers((numbers[:, 0] > 0).astype(np.float64), numbers)
            return Answers(numbers.argmax(axis=1).astype(np.float64), numbers)
    return no_answers


def _inner_objects(pipeline: Any, plain: Graph) -> list[Any]:
    """Return objects inside a pipeline that decide: estimators whose answers are inputs of others, and clusters.

    Trees are not included, because their thresholds are read. Objects that only contain others are not included.
    """
    trees = {id(ensemble.estimator) for ensemble in plain.ensembles}
    paths = [step.path for step in plain.steps]
    deciding: dict[int, Any] = {}
    for step in plain.steps:
        model = step.model
        is_last = step.model is pipeline or ("/" not in step.path and not _is_clustering(model))
        is_container = any(path.startswith(step.path + "/") for path in paths)
        decides = is_classifier(model) or is_regressor(model) or _is_clustering(model)
        if decides and not is_last and not is_container and id(model) not in trees:
            deciding[id(model)] = model
    models = list(deciding.values())
    indices = np.unique(np.linspace(0, len(models) - 1, min(len(models), INNER)).astype(np.intp))
    return [models[index] for index in indices]


def _is_clustering(model: Any) -> bool:
    return hasattr(model, "cluster_centers_") and hasattr(model, "transform")
