"""Lookups: functions that are constant between boundaries, as trees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer

from tabento.bundle.format import INPUT_NAME
from tabento.export.formulas.lookup import StepFunction, boundaries_below, look_up, step_function_at_points
from tabento.export.graph.writer import GraphWriter
from tests.tabento.export.tables import contract_of, number, run, write_transformer

CONTRACT = contract_of(number("a"), number("b"))


def _looked_up(functions: list[StepFunction], rows: NDArray[np.float64]) -> list[list[float]]:
    graph, _ = write_transformer(FunctionTransformer(), CONTRACT)
    graph.outputs = [look_up(GraphWriter(graph, CONTRACT), INPUT_NAME, functions)]
    listed: list[list[float]] = run(graph, rows).tolist()
    return listed


def test_pieces_end_with_their_boundary() -> None:
    """A boundary belongs to the piece below it; NaN has a value of its own; columns have functions of their own."""
    first = StepFunction(np.array([0.0, 1.0]), np.array([10.0, 20.0, 30.0]), -1.0)
    second = StepFunction(np.empty(0), np.array([5.0]), 7.0)
    rows = np.array(
        [[-9.0, 1.0], [0.0, np.nan], [np.nextafter(0, 1), 2.0], [1.0, np.inf], [np.inf, -np.inf], [np.nan, 0.0]]
    )
    assert _looked_up([first, second], rows) == [[10, 5], [10, 7], [20, 5], [20, 5], [30, 5], [-1, 5]]


def test_edges_belong_to_the_piece_above() -> None:
    """With `boundaries_below` an edge starts its piece, a zero of either sign too."""
    pieces = StepFunction(boundaries_below([0.0, 2.5]), np.array([0.0, 1.0, 2.0]), np.nan)
    rows = np.array([[-0.0, 0.0], [-5e-324, 2.5], [np.nextafter(2.5, 0), 3.0]])
    assert _looked_up([pieces, pieces], rows) == [[1, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize("missing", [4.0, -1.0])
def test_points_are_matched_exactly(missing: float) -> None:
    """A point matches only its own double; two neighbouring doubles are two points."""
    next_double = float(np.nextafter(3.0, 4.0))
    points = step_function_at_points([3.0, -1.0, next_double], [1.0, 2.0, 5.0], 0.0, missing)
    rows = np.array(
        [[3.0, next_double], [-1.0, np.nextafter(-1.0, 0)], [np.nan, np.nextafter(next_double, 9)], [1e300, -1e300]]
    )
    assert _looked_up([points, points], rows) == [[1, 5], [2, 0], [missing, 0], [0, 0]]


def test_many_pieces() -> None:
    """A thousand boundaries are found by halving."""
    edges = np.sort(np.random.default_rng(0).normal(size=1000))
    pieces = StepFunction(boundaries_below(edges), np.arange(1001.0), np.nan)
    queried_values = np.concatenate([edges, boundaries_below(edges), [-9.0, 9.0]])
    got = np.array(_looked_up([pieces, pieces], np.column_stack([queried_values, queried_values[::-1]])))
    np.testing.assert_array_equal(got[:, 0], np.searchsorted(edges, queried_values, side="right"))
    np.testing.assert_array_equal(got[:, 1], got[::-1, 0])
