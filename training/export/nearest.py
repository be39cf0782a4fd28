"""Which training rows are nearest, ties included: the choice of scikit-learn's own search.

``TopK`` finds the nearest rows. If another row is as far as the last of them, scikit-learn's choice follows from the
order in which its search meets the rows, and from its heap: a row enters if it is nearer than the farthest one inside,
and takes that one's place. Which of several equally far rows is the farthest one inside hangs on the layout of the heap.
So for the rows that have such a tie, among training rows with different targets, the graph does what the heap does, in a
``Loop`` that runs for no other row. Source: ``sklearn/utils/_heap.pyx`` of scikit-learn 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.export.bodies import Body
from training.export.distances import Metric
from training.export.pen import BOOL, DOUBLE, INT64, Pen
from training.export.search_order import SearchTree, Visits, visits

NEAR = 1e-10
"""Relative: distances that are less apart may be taken for equal by the bounds of a tree's nodes, which are rounded."""
ROOM = 1_000_000
"""How many numbers one tensor of the loop holds at most: rows with a tie, times training rows, times levels of a tree."""


@dataclass(frozen=True)
class Search:
    """A fitted search for the nearest of S training rows with D columns.

    Attributes:
        points: (S, D) the training rows.
        targets: (S, T) their targets; a tie among equal ones is no choice.
        count: how many neighbours are asked for, at most S.
        metric: how far points are apart.
        tree: the fitted tree, or None for brute force.
    """

    points: NDArray[np.float64]
    targets: NDArray[np.float64]
    count: int
    metric: Metric
    tree: SearchTree | None


def nearest_rows(pen: Pen, search: Search, value: str) -> tuple[str, str]:
    """Write the nearest training rows.

    Args:
        pen: writes.
        search: the fitted search.
        value: the rows that ask, float64 of shape (N, D).

    Returns:
        The numbers of the K nearest training rows, int64 of shape (N, K), and their reduced distances, float64 of shape
        (N, K), in ascending order.
    """
    count, size = search.count, len(search.points)
    distance = search.metric.reduced(pen, value, search.points)
    taken = min(count + 1, size)
    values, places = pen.nodes("TopK", [distance, _whole(pen, taken)], 2, axis=1, largest=0, sorted=1)
    last = _columns(pen, values, count - 1, count)
    tied = pen.node("IsInf", [last])
    if taken > count:
        beyond = _columns(pen, values, count, taken)
        tied = pen.node("Or", [tied, _near(pen, last, beyond)], "tied")
        values, places = _columns(pen, values, 0, count), _columns(pen, places, 0, count)
    if taken == count or len(np.unique(search.targets, axis=0)) == 1:
        return places, values
    found = _settled(pen, search, value, distance, tied, last, places)
    return found, values


def _settled(pen: Pen, search: Search, value: str, distance: str, tied: str, last: str, places: str) -> str:
    """Put scikit-learn's choice in the place of TopK's for the rows that have a tie; int64 of shape (N, K)."""
    some = pen.node("Squeeze", [pen.node("ReduceMax", [pen.cast(tied), _whole(pen, 0, 1)], keepdims=0)])
    condition = pen.cast(some, BOOL)
    # Some rows a turn, so that a large batch needs no large tensors.
    levels = 1 if search.tree is None else max(int(np.log2(search.tree.leaves)), 1)
    part = max(ROOM // (levels * len(search.points)), 1)
    rows_tied = pen.node("ReduceSum", [pen.cast(tied, INT64), _whole(pen, 0, 1)], keepdims=0)
    size = pen.constant(np.array(part, dtype=np.int64), "part")
    one = pen.constant(np.array(1, dtype=np.int64), "one")
    turns = pen.node("Add", [pen.node("Div", [rows_tied, size]), one], "turns")
    body = Body(pen, [DOUBLE, DOUBLE, BOOL, DOUBLE, INT64])
    inner = body.pen
    rows, reduced, flags, border, old = body.carried
    picked = inner.node("NonZero", [inner.node("Squeeze", [flags, _whole(inner, 1)])])
    picked = inner.node("Squeeze", [picked, _whole(inner, 0)], "picked")
    begin = inner.node("Mul", [body.turn, inner.constant(np.array(part, dtype=np.int64), "part")])
    end = inner.node("Add", [begin, inner.constant(np.array(part, dtype=np.int64), "part")])
    ends = [inner.node("Unsqueeze", [end_, _whole(inner, 0)]) for end_ in (begin, end)]
    picked = inner.node("Slice", [picked, *ends, _whole(inner, 0)], "picked")
    chosen = inner.node("Gather", [reduced, picked], "reduced", axis=0)
    edge = inner.node("Gather", [border, picked], "edge", axis=0)
    # Of these, keep the rows that have different targets to choose from.
    keys = np.unique(search.targets, axis=0, return_inverse=True)[1].reshape(1, -1).astype(np.float64)
    key, far = inner.constant(keys, "targets"), inner.constant(np.full((1, 1), np.inf), "far")
    near = inner.constant(np.full((1, 1), -np.inf), "near")
    on_edge = _near(inner, edge, chosen)
    low = inner.node("ReduceMin", [inner.node("Where", [on_edge, key, far]), _whole(inner, 1)], keepdims=1)
    high = inner.node("ReduceMax", [inner.node("Where", [on_edge, key, near]), _whole(inner, 1)], keepdims=1)
    open_ = inner.node("Or", [inner.node("Less", [low, high]), inner.node("IsInf", [edge])], "open")
    kept = inner.node("NonZero", [inner.node("Squeeze", [open_, _whole(inner, 1)])])
    kept = inner.node("Squeeze", [kept, _whole(inner, 0)], "kept")
    picked, chosen = inner.node("Gather", [picked, kept], axis=0), inner.node("Gather", [chosen, kept], axis=0)
    asking = inner.node("Gather", [rows, picked], "asking", axis=0)
    found = _first_met(inner, search, asking, chosen)
    index = inner.node("Unsqueeze", [picked, _whole(inner, 1)], "index")
    new = inner.node("ScatterND", [old, index, found], "new")
    always = inner.constant(np.array(True), "always")
    results = [rows, reduced, flags, border, new]
    found = body.run(turns, condition, [value, distance, tied, last, places], always, results)[-1]
    # A loop says nothing of the shape of what it carries.
    return pen.node("Reshape", [found, _whole(pen, -1, search.count)], "found")


def _first_met(pen: Pen, search: Search, rows: str, distance: str) -> str:
    """Return the K rows that scikit-learn's heap holds at the end, by ascending distance: int64 of shape (R, K)."""
    tree = search.tree
    met, visited = distance, None
    if tree is not None:
        met = pen.node("Gather", [distance, pen.constant(tree.rows, "rows")], "met", axis=1)
    if tree is not None and tree.leaves > 1:
        visited = visits(pen, tree, search.metric, rows)
        met = pen.node("GatherElements", [met, visited.order], "met", axis=1)
    place = _heap(pen, met, visited, search.count, len(search.points))
    # A row that is infinitely far enters no heap: the heap's first number, 0, stays.
    zero = pen.constant(np.zeros((1, 1), dtype=np.int64), "zero")
    empty = pen.node("Less", [place, zero], "empty")
    place = pen.node("Max", [place, zero])
    if visited is not None:
        place = pen.node("GatherElements", [visited.order, place], axis=1)
    number = place if tree is None else pen.node("Gather", [pen.constant(tree.rows, "rows"), place], axis=0)
    return pen.node("Where", [empty, zero, number], "found")


def _heap(pen: Pen, met: str, visited: Visits | None, count: int, size: int) -> str:
    """Return what a heap of ``count`` places holds after it met all distances in order.

    Args:
        pen: writes.
        met: distances, float64 of shape (R, S), in the order in which the search meets them.
        visited: the visits of a tree, which leaves out nodes; None if all distances are met.
        count: K.
        size: S.

    Returns:
        int64 of shape (R, K): places in ``met`` by ascending distance, -1 for an empty place.
    """
    width = 2 * count + 1  # The children of the last place are there, and never chosen.
    some = _columns(pen, met, 0, 1)
    shape = pen.node("Shape", [some])
    blank = pen.constant(np.array([np.inf] * count + [-np.inf] * (count + 1))[np.newaxis], "blank")
    none = pen.constant(np.full((1, width), -1, dtype=np.int64), "none")
    start = pen.constant(np.zeros((1, 1), dtype=np.int64), "start")
    values, numbers, begin = (pen.node("Expand", [one, shape]) for one in (blank, none, start))
    left_out = pen.node("IsNaN", [met], "left_out")  # nothing yet
    rows = pen.node("Size", [some])
    condition = pen.node("Greater", [rows, pen.constant(np.array(0, dtype=np.int64), "zero")])
    body = Body(pen, [DOUBLE, INT64, INT64, BOOL])
    inner = body.pen
    heap, held, position, out = body.carried
    root = _columns(inner, heap, 0, 1)
    places = inner.constant(np.arange(size, dtype=np.int64)[np.newaxis], "places")
    # ``met`` and the visits stay the same: the body reads them where they stand.
    enters = inner.node("And", [inner.node("Less", [met, root]), inner.node("GreaterOrEqual", [places, position])])
    closed = ""
    if visited is not None:
        axis = _whole(inner, 1)
        tall = [inner.node("Unsqueeze", [one, axis]) for one in (root, inner.cast(position))]
        ahead = inner.node("GreaterOrEqual", [visited.starts, tall[1]])
        closed = inner.node("And", [inner.node("Greater", [visited.bounds, tall[0]]), ahead], "closed")
        passed = inner.node("Or", [out, _some(inner, closed, axis)])
        enters = inner.node("And", [enters, inner.node("Not", [passed])])
    flags = inner.cast(enters)
    place = inner.node("ArgMax", [flags], "place", axis=1, keepdims=1)
    enters = inner.cast(inner.node("ReduceMax", [flags, _whole(inner, 1)], keepdims=1), BOOL)
    entry = inner.node("Where", [enters, inner.node("GatherElements", [met, place], axis=1), root], "entry")
    number = inner.node("Where", [enters, place, _columns(inner, held, 0, 1)], "number")
    end = inner.constant(np.array([[size]], dtype=np.int64), "end")
    one = inner.constant(np.array([[1]], dtype=np.int64), "one")
    following = inner.node("Where", [enters, inner.node("Add", [place, one]), end], "following")
    if visited is not None:
        # A node that the search came to before this entry stays left out behind it.
        until = inner.node("Unsqueeze", [inner.cast(place), _whole(inner, 1)])
        reached = inner.node("And", [closed, inner.node("LessOrEqual", [visited.starts, until])])
        out = inner.node("Or", [out, _some(inner, reached, _whole(inner, 1))], "out")
    top = inner.node("Sub", [position, position], "top")
    heap, held = _sunk(inner, heap, held, top, entry, number, count)
    again = inner.node("Squeeze", [inner.node("ReduceMax", [inner.cast(enters), _whole(inner, 0, 1)], keepdims=0)])
    most = pen.constant(np.array(size + 1, dtype=np.int64), "most")
    results = [heap, held, following, out]
    values, numbers, *_ = body.run(
        most, condition, [values, numbers, begin, left_out], inner.cast(again, BOOL), results
    )
    inside, numbers = _columns(pen, values, 0, count), _columns(pen, numbers, 0, count)
    # The sort at the end keeps the order of equal distances, for up to 15 neighbours as scikit-learn's does.
    ordered = pen.nodes("TopK", [inside, _whole(pen, count)], 2, axis=1, largest=0, sorted=1)[1]
    return pen.node("GatherElements", [numbers, ordered], axis=1)


def _some(pen: Pen, value: str, axis: str) -> str:
    """Say whether anything along an axis is true; the axis goes."""
    return pen.cast(pen.node("ReduceMax", [pen.cast(value), axis], keepdims=0), BOOL)


def _sunk(pen: Pen, heap: str, held: str, at: str, entry: str, number: str, count: int) -> tuple[str, str]:
    """Replace the root of a heap by an entry, and let it sink: the larger child moves up, the left one if equal."""
    for _ in range(int(np.log2(count))):
        one, two = (pen.constant(np.array([[step]], dtype=np.int64), "step") for step in (1, 2))
        left = pen.node("Add", [pen.node("Mul", [at, two]), one], "left")
        right = pen.node("Add", [left, one], "right")
        lefts, rights = (pen.node("GatherElements", [heap, side], axis=1) for side in (left, right))
        to_left = pen.node("GreaterOrEqual", [lefts, rights])
        child = pen.node("Where", [to_left, left, right], "child")
        larger = pen.node("Max", [lefts, rights], "larger")
        sinks = pen.node("Less", [entry, larger], "sinks")
        moved = pen.node("GatherElements", [held, child], axis=1)
        heap = pen.node("ScatterElements", [heap, at, pen.node("Where", [sinks, larger, entry])], axis=1)
        held = pen.node("ScatterElements", [held, at, pen.node("Where", [sinks, moved, number])], axis=1)
        at = pen.node("Where", [sinks, child, at], "at")
    return (
        pen.node("ScatterElements", [heap, at, entry], "heap", axis=1),
        pen.node("ScatterElements", [held, at, number], "held", axis=1),
    )


def _near(pen: Pen, distance: str, other: str) -> str:
    """Say which of some distances are as far as another one, (N, 1), or nearly so; infinite ones never are."""
    # A factor beside 1 would be taken out by ONNX Runtime, which looks at it in float32.
    room = pen.node("Mul", [distance, pen.constant(np.full((1, 1), NEAR), "near")], "room")
    return pen.node("LessOrEqual", [pen.node("Abs", [pen.node("Sub", [other, distance])]), room], "near")


def _columns(pen: Pen, value: str, start: int, end: int) -> str:
    """Return columns ``start`` to ``end`` - 1 of a value of shape (N, any)."""
    return pen.node("Slice", [value, _whole(pen, start), _whole(pen, end), _whole(pen, 1)], "columns")


def _whole(pen: Pen, *numbers: int) -> str:
    return pen.constant(np.array(numbers, dtype=np.int64), "numbers")
