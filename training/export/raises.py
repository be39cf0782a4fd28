"""Numbers that an estimator of scikit-learn raises on: the graph answers NaN then, which the service never sends.

An estimator that rounds its rows to float32 raises on what has no finite float32. Where the contract tells that such a
number can arrive, the export is refused; where the column is computed, the graph looks for it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.export.arrivals import refuse_missing, source_feature
from training.export.exactness import marked_columns
from training.export.pen import Pen
from training.export.ranges import Range, reach
from training.export.values import Columns

SINGLE_LIMIT = 3.4028235677973366e38
"""The smallest double that float32 rounds to infinity: half-way between its largest number and 2^128 (IEEE 754, 4.3.1)."""


def require_finite_singles(pen: Pen, columns: Columns, model: Any, *, takes_missing: bool) -> None:
    """Let only such rows through as an estimator takes that rounds them to float32.

    Args:
        pen: where the estimator is written.
        columns: what it sees.
        model: the estimator.
        takes_missing: whether it takes NaN.

    Raises:
        ExportError: the contract lets a number through that it raises on: a missing one, or one beyond float32.
    """
    name = type(model).__name__
    if not takes_missing:
        refuse_missing(pen, columns, f"{name} behind a sparse matrix" if columns.sparse else name)
    unknown = unknown_singles(pen, columns, model)
    if not unknown or (columns.name, takes_missing) in pen.graph.checked:
        return
    pen.graph.checked.add((columns.name, takes_missing))
    _look_for(pen, columns, unknown, SINGLE_LIMIT, takes_missing=takes_missing)


def require_finite(pen: Pen, columns: Columns, model: Any) -> None:
    """Let only such rows through as a step takes that raises on infinity, as most steps do that check their rows.

    What the service lets in is finite; a quotient or a function may make infinity of it.
    """
    marks = marked_columns(pen.graph, columns.name, pen.graph.overflowing) if columns.numeric else None
    limit = SINGLE_LIMIT if type(model).__module__.partition(".")[0] == "xgboost" else math.inf
    if marks is None or (columns.name, limit) in pen.graph.finite or not _raises_on_infinity(model, columns.width):
        return
    pen.graph.finite.add((columns.name, limit))
    unknown = [at for at, mark in enumerate(marks) if mark is not None and not _stays_below(pen, columns, at, limit)]
    if unknown:
        _look_for(pen, columns, unknown, limit, takes_missing=True)


def _look_for(pen: Pen, columns: Columns, chosen: Sequence[int], limit: float, *, takes_missing: bool) -> None:
    """Write which rows have a number of some size, or nothing where a step does not take that, in chosen columns."""
    sizes = pen.node("Abs", [pen.pick(columns, chosen).name], "sizes")
    largest = pen.constant(np.full((1, 1), limit), "limit")
    if takes_missing:
        beyond = pen.node("GreaterOrEqual", [sizes, largest], "beyond")
    else:
        beyond = pen.node("Not", [pen.node("Less", [sizes, largest], "finite")], "beyond")
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    pen.graph.raising.append(pen.node("ReduceMax", [pen.cast(beyond), axis], "raises", keepdims=1))


def _raises_on_infinity(model: Any, width: int) -> bool:
    """Ask a fitted step itself whether it raises on a row of infinities.

    A step that composes others, or looks its columns up by name, says something else: those inside it are asked.
    """
    ask = getattr(model, "predict", None) or getattr(model, "transform", None)
    if ask is None:
        return False
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ask(np.full((1, width), np.inf))
    except Exception as error:  # libraries have errors of their own
        return any(word in str(error).lower() for word in ("infinity", "`inf`"))
    return False


def _stays_below(pen: Pen, columns: Columns, column: int, limit: float) -> bool:
    found = bounds(pen, columns.name, column)
    return found is not None and max(abs(found[0]), abs(found[1])) < limit


def unknown_singles(pen: Pen, columns: Columns, model: Any) -> list[int]:
    """Return the columns of which it is not known whether they stay within float32.

    Raises:
        ExportError: a range of the contract does not.
    """
    pen.require_numbers(columns)
    return [at for at in range(columns.width) if not _is_inside(pen, columns, at, type(model).__name__)]


def without_answer(pen: Pen, answer: str) -> str:
    """Return the answer, and NaN for rows on which the pipeline raises an error."""
    raising = list(dict.fromkeys(pen.graph.raising))
    if not raising:
        return answer
    total = raising[0] if len(raising) == 1 else pen.node("Max", raising, "raises")
    test = pen.node("Greater", [total, pen.constant(np.zeros((1, 1)), "zero")], "raises")
    return pen.node("Where", [test, pen.constant(np.full((1, 1), np.nan), "nan"), answer], "answer")


def _is_inside(pen: Pen, columns: Columns, column: int, name: str) -> bool:
    """Say whether a column is known to be within float32.

    Raises:
        ExportError: the contract's range reaches beyond it.
    """
    if _stays_below(pen, columns, column, SINGLE_LIMIT):
        return True
    found = bounds(pen, columns.name, column)
    feature = source_feature(pen, columns.name, column)
    if found is not None and feature is not None and feature.ordered:
        raise pen.refusal(
            f"{name} rounds to float32, where what is beyond ±3.4e38 is infinite, and the contract lets {feature.name!r}"
            " be that large",
            f"`minimum` and `maximum` of {feature.name!r} that keep it within",
        )
    return False


def bounds(pen: Pen, value: str, column: int) -> Range | None:
    """Return numbers between which a column stays, missing aside, or None where they are not known.

    Wider than what can occur, as interval arithmetic is (IEEE 1788): each operation is taken on its own.
    """
    graph = pen.graph
    width = graph.width(value)
    if width is not None and width != 1 and column >= width:
        # It belongs to a value of three dimensions, such as the columns of a spline, whose columns are others.
        return None
    key = (value, column)
    if key not in graph.bounds:
        with np.errstate(all="ignore"):
            found = reach(graph, value, column, pen.contract)
            if found is None or not np.isfinite(found).all():
                found = _of_node(pen, value, column)
        graph.bounds[key] = None if found is None or np.isnan(found).any() else found
    return graph.bounds[key]


TERM_WEIGHT_MAX = 1e12
"""No weight of a term in a text is larger: a text has at most 50,000 characters, and an inverse frequency grows with a logarithm."""


def _of_node(pen: Pen, value: str, column: int) -> Range | None:
    graph = pen.graph
    if value in graph.constants:
        array = np.asarray(graph.constants[value], dtype=np.float64)
        return float(array.min()), float(array.max())
    node = graph.producer(value)
    if node is None:
        return None
    known = graph.monotone.get(value)
    if known is not None and column < len(known.functions):
        ends = bounds(pen, known.source, column)
        if ends is not None and known.domain[0] <= ends[0] and ends[1] <= known.domain[1]:
            made = known.functions[column](np.array(ends))
            # Weakly monotone but for last bits, which a millionth of the size is far beyond.
            room = 1e-6 * float(np.abs(made).max(initial=0.0))
            if np.abs(made).max(initial=0.0) < SINGLE_LIMIT:
                return float(made.min()) - room, float(made.max()) + room
    kind = node.op_type
    if kind in ("Equal", "IsNaN", "Not", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Softmax", "Sigmoid"):
        return 0.0, 1.0
    if kind in ("Tanh", "Sign", "Erf"):
        return -1.0, 1.0
    if kind == "TreeEnsemble":
        size = float(np.nansum(np.abs(graph.trees_of(node).leaves)))
        return -size, size
    if kind == "Mul" and node.input[0] == node.input[1]:
        factor = bounds(pen, node.input[0], column)
        return None if factor is None else (0.0, max(abs(factor[0]), abs(factor[1])) ** 2)
    if kind == "Concat":
        for part in node.input:
            width = graph.width(part)
            if width is None:
                return None
            if column < width:
                return bounds(pen, part, column)
            column -= width
    if kind == "Gather" and node.input[1] in graph.constants and graph.constants[node.input[1]].ndim == 1:
        return bounds(pen, node.input[0], int(graph.constants[node.input[1]][column]))
    if kind in ("Gemm", "MatMul"):
        return _of_product(pen, node, column)
    if kind == "Where":
        return _hull([_of_input(pen, name, column) for name in node.input[1:]])
    if any(piece.value == value for piece in graph.texts):
        return -TERM_WEIGHT_MAX, TERM_WEIGHT_MAX
    if kind not in _INTERVALS:
        return None
    given = [_of_input(pen, name, column) for name in node.input]
    if None in given:
        return None
    return _INTERVALS[kind]([one for one in given if one is not None])


def _of_input(pen: Pen, name: str, column: int) -> Range | None:
    """Return the bounds of what an elementwise operation sees: its column, or that of a value of one column."""
    graph = pen.graph
    if name in graph.constants:
        array = np.asarray(graph.constants[name], dtype=np.float64)
        if array.ndim == 2 and array.shape[1] > column:
            array = array[:, column]
        return float(array.min()), float(array.max())
    return bounds(pen, name, 0 if graph.width(name) == 1 else column)


def _of_product(pen: Pen, node: Any, column: int) -> Range | None:
    graph = pen.graph
    weights = graph.constants.get(node.input[1])
    if weights is None or graph.width(node.input[0]) != weights.shape[0]:
        return None
    total = 0.0
    for at, weight in enumerate(weights[:, column].tolist()):
        inner = bounds(pen, node.input[0], at)
        if inner is None:
            return None
        total += abs(weight) * max(abs(inner[0]), abs(inner[1])) if weight else 0.0
    for name in node.input[2:]:
        total += float(np.abs(graph.constants[name]).max()) if name in graph.constants else math.inf
    return -total, total


def _hull(given: Sequence[Range | None]) -> Range | None:
    known = [one for one in given if one is not None and not np.isnan(one).any()]
    # NaN in place of a number is missing, which is another matter.
    if len(known) < sum(one is None or not np.isnan(one).all() for one in given):
        return None
    return (min(one[0] for one in known), max(one[1] for one in known)) if known else None


def _corners(operation: Any) -> Callable[[Sequence[Range]], Range | None]:
    def combine(given: Sequence[Range]) -> Range | None:
        left, right = given
        found = [float(operation(np.float64(one), np.float64(other))) for one in left for other in right]
        return (min(found), max(found)) if np.isfinite(found).all() else None

    return combine


_DIVIDE = _corners(np.divide)


def _quotient(given: Sequence[Range]) -> Range | None:
    low, high = given[1]
    return None if low <= 0.0 <= high else _DIVIDE(given)


def _rising(function: Any, low: float = -math.inf) -> Callable[[Sequence[Range]], Range | None]:
    def apply(given: Sequence[Range]) -> Range | None:
        ends = [float(function(np.float64(end))) for end in given[0]]
        return (ends[0], ends[1]) if given[0][0] >= low and np.isfinite(ends).all() else None

    return apply


def _size(given: Sequence[Range]) -> Range:
    return 0.0, max(abs(given[0][0]), abs(given[0][1]))


_INTERVALS: dict[str, Callable[[Sequence[Range]], Range | None]] = {
    "Add": _corners(np.add),
    "Sub": _corners(np.subtract),
    "Mul": _corners(np.multiply),
    "Div": _quotient,
    "Abs": _size,
    "Neg": lambda given: (-given[0][1], -given[0][0]),
    "Exp": _rising(np.exp),
    "Log": _rising(np.log, float(np.finfo(np.float64).smallest_subnormal)),
    "Sqrt": _rising(np.sqrt, 0.0),
    "Floor": _rising(np.floor),
    "Ceil": _rising(np.ceil),
    "Round": _rising(np.round),
    "Cast": _rising(np.positive),
    "Identity": _rising(np.positive),
    "Clip": lambda given: (max(given[0][0], given[1][0]), min(given[0][1], given[2][1])) if len(given) == 3 else None,
}
"""Operations on intervals; None where a number may be infinite or undefined."""
