"""Nearest training rows, with the same choice as scikit-learn among equally distant rows.

``TopK`` finds the nearest rows. If another row has the same distance as the last of them, scikit-learn's choice depends
on the order in which its search visits the rows, and on its heap: a row enters the heap if it is nearer than the farthest
row in it, and replaces that row. Which of several equally distant rows is replaced depends on the layout of the heap. For
rows with such a tie among training rows of different targets, the graph therefore repeats the operations of the heap, in a
``Loop`` that runs only for these rows. Source: ``sklearn/utils/_heap.pyx`` of scikit-learn 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.distances import Metric
from tabento.export.formulas.search_order import SearchTree, Visits, visits
from tabento.export.graph.loop_bodies import Body
from tabento.export.graph.writer import BOOL, DOUBLE, INT64, GraphWriter

TIE_TOLERANCE = 1e-10
"""The relative difference below which distances are treated as equal, because the bounds of a tree's nodes are rounded."""
MAX_TENSOR_SIZE = 1_000_000
"""The largest size of a tensor in the loop: rows with a tie, times training rows, times levels of the tree."""


@dataclass(frozen=True)
class Search:
    """A fitted search for the nearest of S training rows with D columns.

    Attributes:
        points: (S, D) the training rows.
        targets: (S, T) their targets; among equal targets a tie has no effect.
        count: the number of neighbours, at most S.
        metric: the metric.
        tree: the fitted tree, or None for brute force.
    """

    points: NDArray[np.float64]
    targets: NDArray[np.float64]
    count: int
    metric: Metric
    tree: SearchTree | None


def nearest_rows(writer: GraphWriter, search: Search, value: str) -> tuple[str, str]:
    """Write the nearest training rows.

    Args:
        writer: the graph writer.
        search: the fitted search.
        value: the rows that are searched for, float64 of shape (N, D).

    Returns:
        The numbers of the K nearest training rows, int64 of shape (N, K), and their reduced distances, float64 of shape
        (N, K), in ascending order.
    """
    count, size = search.count, len(search.points)
    distance = search.metric.reduced(writer, value, search.points)
    n_candidates = min(count + 1, size)
    values, indices = writer.nodes("TopK", [distance, _integers(writer, n_candidates)], 2, axis=1, largest=0, sorted=1)
    last = _columns(writer, values, count - 1, count)
    tied = writer.node("IsInf", [last])
    if n_candidates > count:
        following = _columns(writer, values, count, n_candidates)
        tied = writer.node("Or", [tied, _is_tied(writer, last, following)], "tied")
        values, indices = _columns(writer, values, 0, count), _columns(writer, indices, 0, count)
    if n_candidates == count or len(np.unique(search.targets, axis=0)) == 1:
        return indices, values
    replaced = _replace_ties(writer, search, value, distance, tied, last, indices)
    return replaced, values


def _replace_ties(
    writer: GraphWriter, search: Search, value: str, distance: str, tied: str, last: str, indices: str
) -> str:
    """Replace TopK's choice with scikit-learn's for the rows with a tie; int64 of shape (N, K)."""
    any_tied = writer.node(
        "Squeeze", [writer.node("ReduceMax", [writer.cast(tied), _integers(writer, 0, 1)], keepdims=0)]
    )
    condition = writer.cast(any_tied, BOOL)
    # A part of the rows per iteration, so that a large batch needs no large tensors.
    levels = 1 if search.tree is None else max(int(np.log2(search.tree.leaves)), 1)
    n_part = max(MAX_TENSOR_SIZE // (levels * len(search.points)), 1)
    rows_tied = writer.node("ReduceSum", [writer.cast(tied, INT64), _integers(writer, 0, 1)], keepdims=0)
    size = writer.constant(np.array(n_part, dtype=np.int64), "part")
    unit = writer.constant(np.array(1, dtype=np.int64), "one")
    iterations = writer.node("Add", [writer.node("Div", [rows_tied, size]), unit], "turns")
    body = Body(writer, [DOUBLE, DOUBLE, BOOL, DOUBLE, INT64])
    inner = body.writer
    rows, reduced, flags, border, old = body.carried
    picked = inner.node("NonZero", [inner.node("Squeeze", [flags, _integers(inner, 1)])])
    picked = inner.node("Squeeze", [picked, _integers(inner, 0)], "picked")
    begin = inner.node("Mul", [body.iteration, inner.constant(np.array(n_part, dtype=np.int64), "part")])
    end = inner.node("Add", [begin, inner.constant(np.array(n_part, dtype=np.int64), "part")])
    ends = [inner.node("Unsqueeze", [end_, _integers(inner, 0)]) for end_ in (begin, end)]
    picked = inner.node("Slice", [picked, *ends, _integers(inner, 0)], "picked")
    picked_distances = inner.node("Gather", [reduced, picked], "reduced", axis=0)
    edge = inner.node("Gather", [border, picked], "edge", axis=0)
    # Keep only the rows whose tied neighbours have different targets.
    keys = np.unique(search.targets, axis=0, return_inverse=True)[1].reshape(1, -1).astype(np.float64)
    key, infinity = inner.constant(keys, "targets"), inner.constant(np.full((1, 1), np.inf), "far")
    minus_infinity = inner.constant(np.full((1, 1), -np.inf), "near")
    on_edge = _is_tied(inner, edge, picked_distances)
    low = inner.node("ReduceMin", [inner.node("Where", [on_edge, key, infinity]), _integers(inner, 1)], keepdims=1)
    high = inner.node(
        "ReduceMax", [inner.node("Where", [on_edge, key, minus_infinity]), _integers(inner, 1)], keepdims=1
    )
    open_ = inner.node("Or", [inner.node("Less", [low, high]), inner.node("IsInf", [edge])], "open")
    kept_positions = inner.node("NonZero", [inner.node("Squeeze", [open_, _integers(inner, 1)])])
    kept_positions = inner.node("Squeeze", [kept_positions, _integers(inner, 0)], "kept")
    picked, picked_distances = (
        inner.node("Gather", [picked, kept_positions], axis=0),
        inner.node("Gather", [picked_distances, kept_positions], axis=0),
    )
    asking = inner.node("Gather", [rows, picked], "asking", axis=0)
    neighbours = _heap_choice(inner, search, asking, picked_distances)
    index = inner.node("Unsqueeze", [picked, _integers(inner, 1)], "index")
    new = inner.node("ScatterND", [old, index, neighbours], "new")
    always = inner.constant(np.array(True), "always")
    results = [rows, reduced, flags, border, new]
    neighbours = body.run(iterations, condition, [value, distance, tied, last, indices], always, results)[-1]
    # The shape of a carried value is not known after a loop.
    return writer.node("Reshape", [neighbours, _integers(writer, -1, search.count)], "found")


def _heap_choice(writer: GraphWriter, search: Search, rows: str, distance: str) -> str:
    """Write the K rows in scikit-learn's heap at the end, by ascending distance: int64 of shape (R, K)."""
    tree = search.tree
    visited_distances, visited = distance, None
    if tree is not None:
        visited_distances = writer.node("Gather", [distance, writer.constant(tree.rows, "rows")], "met", axis=1)
    if tree is not None and tree.leaves > 1:
        visited = visits(writer, tree, search.metric, rows)
        visited_distances = writer.node("GatherElements", [visited_distances, visited.order], "met", axis=1)
    position = _heap(writer, visited_distances, visited, search.count, len(search.points))
    # A row at infinite distance does not enter the heap, so the heap's initial number, 0, remains.
    zero = writer.constant(np.zeros((1, 1), dtype=np.int64), "zero")
    empty = writer.node("Less", [position, zero], "empty")
    position = writer.node("Max", [position, zero])
    if visited is not None:
        position = writer.node("GatherElements", [visited.order, position], axis=1)
    number = position if tree is None else writer.node("Gather", [writer.constant(tree.rows, "rows"), position], axis=0)
    return writer.node("Where", [empty, zero, number], "found")


def _heap(writer: GraphWriter, distances: str, visited: Visits | None, count: int, size: int) -> str:
    """Write the content of a heap of size ``count`` after all distances in order.

    Args:
        writer: the graph writer.
        distances: the distances, float64 of shape (R, S), in the order in which the search visits them.
        visited: the visits of a tree, which skips nodes; None if all distances are visited.
        count: the number of neighbours, K.
        size: the number of training rows, S.

    Returns:
        int64 of shape (R, K): positions in ``distances`` by ascending distance, -1 for an empty position.
    """
    width = 2 * count + 1  # The children of the last position exist and are never selected.
    first_column = _columns(writer, distances, 0, 1)
    shape = writer.node("Shape", [first_column])
    blank = writer.constant(np.array([np.inf] * count + [-np.inf] * (count + 1))[np.newaxis], "blank")
    none = writer.constant(np.full((1, width), -1, dtype=np.int64), "none")
    start = writer.constant(np.zeros((1, 1), dtype=np.int64), "start")
    values, numbers, begin = (writer.node("Expand", [value, shape]) for value in (blank, none, start))
    left_out = writer.node("IsNaN", [distances], "left_out")  # none at the start
    rows = writer.node("Size", [first_column])
    condition = writer.node("Greater", [rows, writer.constant(np.array(0, dtype=np.int64), "zero")])
    body = Body(writer, [DOUBLE, INT64, INT64, BOOL])
    inner = body.writer
    heap, heap_rows, position, out = body.carried
    root = _columns(inner, heap, 0, 1)
    places = inner.constant(np.arange(size, dtype=np.int64)[np.newaxis], "places")
    # ``distances`` and the visits do not change: the body reads them from the outer graph.
    enters = inner.node(
        "And", [inner.node("Less", [distances, root]), inner.node("GreaterOrEqual", [places, position])]
    )
    closed = ""
    if visited is not None:
        axis = _integers(inner, 1)
        tall = [inner.node("Unsqueeze", [value, axis]) for value in (root, inner.cast(position))]
        is_later = inner.node("GreaterOrEqual", [visited.starts, tall[1]])
        closed = inner.node("And", [inner.node("Greater", [visited.bounds, tall[0]]), is_later], "closed")
        passed = inner.node("Or", [out, _any_along(inner, closed, axis)])
        enters = inner.node("And", [enters, inner.node("Not", [passed])])
    flags = inner.cast(enters)
    place = inner.node("ArgMax", [flags], "place", axis=1, keepdims=1)
    enters = inner.cast(inner.node("ReduceMax", [flags, _integers(inner, 1)], keepdims=1), BOOL)
    entry = inner.node("Where", [enters, inner.node("GatherElements", [distances, place], axis=1), root], "entry")
    number = inner.node("Where", [enters, place, _columns(inner, heap_rows, 0, 1)], "number")
    end = inner.constant(np.array([[size]], dtype=np.int64), "end")
    unit = inner.constant(np.array([[1]], dtype=np.int64), "one")
    following = inner.node("Where", [enters, inner.node("Add", [place, unit]), end], "following")
    if visited is not None:
        # A node that the search skipped before this entry is skipped after it too.
        until = inner.node("Unsqueeze", [inner.cast(place), _integers(inner, 1)])
        is_reached = inner.node("And", [closed, inner.node("LessOrEqual", [visited.starts, until])])
        out = inner.node("Or", [out, _any_along(inner, is_reached, _integers(inner, 1))], "out")
    top = inner.node("Sub", [position, position], "top")
    heap, heap_rows = _replace_root(inner, heap, heap_rows, top, entry, number, count)
    continues = inner.node(
        "Squeeze", [inner.node("ReduceMax", [inner.cast(enters), _integers(inner, 0, 1)], keepdims=0)]
    )
    max_iterations = writer.constant(np.array(size + 1, dtype=np.int64), "most")
    results = [heap, heap_rows, following, out]
    values, numbers, *_ = body.run(
        max_iterations, condition, [values, numbers, begin, left_out], inner.cast(continues, BOOL), results
    )
    heap_values, numbers = _columns(writer, values, 0, count), _columns(writer, numbers, 0, count)
    # The final sort keeps the order of equal distances, as scikit-learn's does for up to 15 neighbours.
    ordered = writer.nodes("TopK", [heap_values, _integers(writer, count)], 2, axis=1, largest=0, sorted=1)[1]
    return writer.node("GatherElements", [numbers, ordered], axis=1)


def _any_along(writer: GraphWriter, value: str, axis: str) -> str:
    """Write whether any element along an axis is true; the axis is removed."""
    return writer.cast(writer.node("ReduceMax", [writer.cast(value), axis], keepdims=0), BOOL)


def _replace_root(
    writer: GraphWriter, heap: str, heap_rows: str, position: str, entry: str, number: str, count: int
) -> tuple[str, str]:
    """Replace the root of a heap and restore the heap: the larger child moves up, the left one of equal children."""
    for _ in range(int(np.log2(count))):
        one_step, two_steps = (writer.constant(np.array([[step]], dtype=np.int64), "step") for step in (1, 2))
        left = writer.node("Add", [writer.node("Mul", [position, two_steps]), one_step], "left")
        right = writer.node("Add", [left, one_step], "right")
        lefts, rights = (writer.node("GatherElements", [heap, side], axis=1) for side in (left, right))
        to_left = writer.node("GreaterOrEqual", [lefts, rights])
        child = writer.node("Where", [to_left, left, right], "child")
        larger = writer.node("Max", [lefts, rights], "larger")
        sinks = writer.node("Less", [entry, larger], "sinks")
        moved_row = writer.node("GatherElements", [heap_rows, child], axis=1)
        heap = writer.node("ScatterElements", [heap, position, writer.node("Where", [sinks, larger, entry])], axis=1)
        heap_rows = writer.node(
            "ScatterElements", [heap_rows, position, writer.node("Where", [sinks, moved_row, number])], axis=1
        )
        position = writer.node("Where", [sinks, child, position], "at")
    return (
        writer.node("ScatterElements", [heap, position, entry], "heap", axis=1),
        writer.node("ScatterElements", [heap_rows, position, number], "held", axis=1),
    )


def _is_tied(writer: GraphWriter, distance: str, second: str) -> str:
    """Write which distances are equal or almost equal to another one, (N, 1); infinite distances never are."""
    # ONNX Runtime would remove a factor close to 1, because it compares the factor in float32.
    tolerance = writer.node("Mul", [distance, writer.constant(np.full((1, 1), TIE_TOLERANCE), "near")], "room")
    return writer.node("LessOrEqual", [writer.node("Abs", [writer.node("Sub", [second, distance])]), tolerance], "near")


def _columns(writer: GraphWriter, value: str, start: int, end: int) -> str:
    """Write columns ``start`` to ``end`` - 1 of a value of shape (N, any)."""
    return writer.node(
        "Slice", [value, _integers(writer, start), _integers(writer, end), _integers(writer, 1)], "columns"
    )


def _integers(writer: GraphWriter, *numbers: int) -> str:
    return writer.constant(np.array(numbers, dtype=np.int64), "numbers")
