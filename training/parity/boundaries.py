"""Boundaries: the two rows, neighbours in double, between which a pipeline changes its answer.

A tree's thresholds can be read; the boundary between two labels, two clusters or two sets of neighbours cannot. It is
found from outside: a line is drawn between two rows with different answers and cut, again and again, towards the
change, until its ends are neighbours. Both ends are rows of the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor

from bundle.contract import Contract
from training.export.graph import Graph
from training.export.label_answers import classes_of
from training.frames import to_frame
from training.parity.answers import label_indices, pipeline_answers
from training.parity.overhearing import Heard, as_numbers, overhear

LINES_SHARE = 400
"""One line for so many rows of the proof, for the final answers and as many again for what is decided inside."""
MIN_LINES = 6
CANDIDATES = 4
"""So many pairs of rows are drawn for each line."""
INNER = 6
"""The most objects inside a pipeline whose decisions are looked for."""
ROUNDS = 60
"""The most times that a line is cut in four: 2 bits each, 53 of a double, and some more for ends far from zero."""
SMOOTH_ROUNDS = 7
"""After so many rounds the ends of a line are 16,000 times nearer."""
JUMP = 1e-3
"""If the answers of the ends still differ by this share of what they did at first, there is a jump between them."""
SEED = 23


@dataclass(frozen=True)
class Answers:
    """What one object answers to N rows."""

    labels: NDArray[np.float64]
    """(N,) the label, as a number; zeros if it has none."""
    numbers: NDArray[np.float64]
    """(N, W)."""

    def of_lines(self, points: int) -> Answers:
        """Return the answers by line, shapes (points, L) and (points, L, W)."""
        return Answers(self.labels.reshape(points, -1), self.numbers.reshape(points, len(self.labels) // points, -1))


Ask = Callable[[NDArray[np.float64], bool], list[Answers]]
"""Gives the answers of some objects to packed rows; the second argument is false if labels are enough."""


def boundary_rows(
    pipeline: Any, contract: Contract, plain: Graph, rows: NDArray[np.float64], max_rows: int
) -> NDArray[np.float64]:
    """Return rows on both sides of changes of a pipeline's answers, and of those of the objects inside it.

    Half of the lines between two rows move one number, half move all numbers together. Categories, booleans and missing
    values stay as they are.

    Args:
        pipeline: fitted.
        contract: the columns.
        plain: the pipeline as the converters wrote it.
        rows: float64 of shape (N, F) that the pipeline answers, N at least 1.
        max_rows: of the whole proof; it decides how many lines are drawn.

    Returns:
        Float64 of shape (B, F).
    """
    lines = max(max_rows // LINES_SHARE, MIN_LINES)
    found = [np.empty((0, rows.shape[1]))]
    inner = _inner_objects(pipeline, plain)
    asked: list[Ask] = [lambda points, numbers: [_final(pipeline, contract, points, numbers=numbers)]]
    if inner:
        asked.append(lambda points, _: _inner(pipeline, contract, inner, points))
    for number, ask in enumerate(asked):
        # An encoder may refuse a number that it has not met, such as an integer with a fraction: then integers stay.
        for held in (("category", "boolean", "text"), ("category", "boolean", "text", "integer")):
            with suppress(_UnansweredError):
                generator = np.random.default_rng(SEED + number)
                found.append(_search(_answered(ask), contract, rows, lines, held, generator))
                break
    return np.unique(np.concatenate(found), axis=0)


class _UnansweredError(Exception):
    """The pipeline raises an error on a row between two that it answers."""


def _answered(ask: Ask) -> Ask:
    """Return the same questions, with one error in place of whatever a pipeline may raise."""

    def asked(points: NDArray[np.float64], numbers: bool) -> list[Answers]:
        try:
            return ask(points, numbers)
        except Exception as error:
            raise _UnansweredError from error

    return asked


def _search(
    ask: Ask,
    contract: Contract,
    rows: NDArray[np.float64],
    lines: int,
    held: tuple[str, ...],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw lines and cut them; returns the ends of those that have a jump between them."""
    low, high = _drawn(contract, rows, lines * CANDIDATES, held, generator)
    if not len(low):
        return low
    ends = ask(np.concatenate([low, high]), True)
    targets, places, by_label = [], [], []
    for number, answers in enumerate(ends):
        pair = answers.of_lines(2)
        flips = pair.labels[0] != pair.labels[1]
        moves = _apart(pair.numbers[0], pair.numbers[1]) > 0
        share = max(lines // len(ends), 2)
        for kind, usable in ((True, flips), (False, moves & ~flips)):
            some = np.flatnonzero(usable)[: share if kind or not flips.any() else max(share // 2, 1)]
            targets += [number] * len(some)
            places += some.tolist()
            by_label += [kind] * len(some)
    if not places:
        return np.empty((0, rows.shape[1]))
    return _cut(ask, low[places], high[places], np.array(targets), np.array(by_label))


def _drawn(
    contract: Contract, rows: NDArray[np.float64], count: int, held: tuple[str, ...], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of lines that move something, each of shape (L, F)."""
    low, high = rows[generator.integers(0, len(rows), count)], rows[generator.integers(0, len(rows), count)]
    stays = np.array([feature.type in held for feature in contract.features])
    free = np.flatnonzero(~stays)
    if not len(free):
        return low[:0], high[:0]
    fixed = np.tile(stays, (count, 1))
    alone = np.arange(0, count, 2)
    fixed[alone] = True
    fixed[alone, generator.choice(free, len(alone))] = False
    high = np.where(fixed | np.isnan(low) | np.isnan(high), low, high)
    moved = ((low != high) & ~np.isnan(low)).any(axis=1)
    return low[moved], high[moved]


def _cut(
    ask: Ask,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    targets: NDArray[np.intp],
    by_label: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Cut lines in four until their ends are neighbours, each time keeping the quarter in which the answer changes."""
    open_lines = np.arange(len(low))
    dropped = np.zeros(len(low), dtype=bool)
    first: NDArray[np.float64] | None = None
    for number in range(ROUNDS):
        points = _quarters(low[open_lines], high[open_lines])
        jumps = not by_label[open_lines].all()
        answered = [one.of_lines(len(points)) for one in ask(points.reshape(-1, low.shape[1]), jumps)]
        steps = np.zeros((len(points) - 1, len(open_lines)))
        widths = np.zeros(len(open_lines))
        for target, one in enumerate(answered):
            mine = targets[open_lines] == target
            numbers = _apart(one.numbers[:-1], one.numbers[1:])
            labels = (one.labels[:-1] != one.labels[1:]).astype(np.float64)
            steps[:, mine] = np.where(by_label[open_lines], labels, numbers)[:, mine]
            widths[mine] = _apart(one.numbers[0], one.numbers[-1])[mine]
        best = steps.argmax(axis=0)
        column = np.arange(len(open_lines))
        low[open_lines], high[open_lines] = points[best, column], points[best + 1, column]
        first = widths if first is None else first
        if number == SMOOTH_ROUNDS - 1:
            dropped[open_lines[~by_label[open_lines] & (widths <= JUMP * first[open_lines])]] = True
        middle = _middle(low, high)
        moving = ((middle != low) & (middle != high) & ~np.isnan(middle)).any(axis=1) & ~dropped
        open_lines = np.flatnonzero(moving)
        if not len(open_lines):
            break
    return np.concatenate([low[~dropped], high[~dropped]])


def _quarters(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return five points on each line, its ends included, shape (5, L, F)."""
    middle = _middle(low, high)
    return np.stack([low, _middle(low, middle), middle, _middle(middle, high), high])


def _middle(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    # Half of each, then added: the sum of two large values would not be finite.
    return np.where((low == high) | np.isnan(low), low, low / 2 + high / 2)


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference over the last axis; 0 if there is none."""
    if not one.shape[-1]:
        return np.zeros(one.shape[:-1])
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.nan_to_num(np.abs(one - other), nan=0.0, posinf=np.finfo(np.float64).max).max(axis=-1))


def _final(pipeline: Any, contract: Contract, points: NDArray[np.float64], *, numbers: bool) -> Answers:
    if not numbers and contract.output.classes is not None:
        labels = label_indices(pipeline.predict(to_frame(points, contract)), classes_of(pipeline))
        return Answers(labels, np.zeros((len(points), 0)))
    found = pipeline_answers(pipeline, to_frame(points, contract), contract).reshape(len(points), -1)
    count = len(contract.output.label_sets)
    if not count:
        return Answers(np.zeros(len(points)), found)
    labels = found[:, 0] if count == 1 else _numbered(found[:, :count])
    return Answers(labels, found[:, count:])


def _numbered(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number for several labels of a row, (N, labels), the same for the same labels: shape (N,)."""
    _, numbers = np.unique(labels, axis=0, return_inverse=True)
    return numbers.ravel().astype(np.float64)


def _inner(pipeline: Any, contract: Contract, objects: Sequence[Any], points: NDArray[np.float64]) -> list[Answers]:
    heard = overhear(pipeline, to_frame(points, contract), objects, answers=True)
    return [_answers_of(model, call, len(points)) for model, call in zip(objects, heard, strict=True)]


def _answers_of(model: Any, call: Heard | None, count: int) -> Answers:
    """Return what an object inside the pipeline answered: the largest score, or the nearest cluster, is its label."""
    nothing = Answers(np.zeros(count), np.zeros((count, 0)))
    if call is None:
        return nothing
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
            single = numbers.shape[1] == 1
            highest = (numbers[:, 0] > 0).astype(np.float64) if single else numbers.argmax(axis=1).astype(np.float64)
            return Answers(highest, numbers)
    return nothing


def _inner_objects(pipeline: Any, plain: Graph) -> list[Any]:
    """Return objects inside a pipeline that decide: estimators in front of others, and clusters.

    Trees are left out, whose thresholds are read; so is what only holds the others.
    """
    trees = {id(ensemble.estimator) for ensemble in plain.ensembles}
    paths = [step.path for step in plain.steps]
    found: dict[int, Any] = {}
    for step in plain.steps:
        model = step.model
        last = step.model is pipeline or ("/" not in step.path and not _is_clustering(model))
        holds = any(path.startswith(step.path + "/") for path in paths)
        decides = is_classifier(model) or is_regressor(model) or _is_clustering(model)
        if decides and not last and not holds and id(model) not in trees:
            found[id(model)] = model
    models = list(found.values())
    return [models[at] for at in np.unique(np.linspace(0, len(models) - 1, min(len(models), INNER)).astype(np.intp))]


def _is_clustering(model: Any) -> bool:
    return hasattr(model, "cluster_centers_") and hasattr(model, "transform")
