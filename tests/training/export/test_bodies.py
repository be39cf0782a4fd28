"""Bodies of loops: what they carry, and what they read from the graph around them."""

from __future__ import annotations

import numpy as np

from tests.training.export.written import run_value
from training.export.bodies import Body
from training.export.pen import DOUBLE, INT64, Pen


def _doubled(pen: Pen, value: str, turns: int, *, runs: bool = True) -> tuple[str, str]:
    """Double a value in each turn, and add up the numbers of the turns."""
    body = Body(pen, [DOUBLE, INT64])
    inner = body.pen
    twice = inner.node("Add", [body.carried[0], body.carried[0]])
    total = inner.node("Add", [body.carried[1], body.turn])
    again = inner.constant(np.array(True), "again")
    most, condition = pen.constant(np.array(turns), "most"), pen.constant(np.array(runs), "runs")
    start = pen.constant(np.zeros((1, 1), dtype=np.int64), "start")
    given, count = body.run(most, condition, [value, start], again, [twice, total])
    return given, count


def test_values_are_carried_from_turn_to_turn() -> None:
    """Each turn starts with what the one before handed on, and knows its number."""
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(run_value(lambda pen, value: _doubled(pen, value, 3)[0], rows), 8 * rows)
    turns = run_value(lambda pen, value: pen.cast(_doubled(pen, value, 4)[1]), rows)
    np.testing.assert_array_equal(turns, [[6.0]])


def test_loop_that_does_not_run() -> None:
    """Without a first turn the values go on as they came."""
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(run_value(lambda pen, value: _doubled(pen, value, 3, runs=False)[0], rows), rows)


def test_loop_inside_a_loop() -> None:
    """Two bodies in each other have names of their own."""

    def written(pen: Pen, value: str) -> str:
        body = Body(pen, [DOUBLE])
        result, _ = _doubled(body.pen, body.carried[0], 2)
        again = body.pen.constant(np.array(True), "again")
        most, condition = pen.constant(np.array(3), "most"), pen.constant(np.array(True), "runs")
        return body.run(most, condition, [value], again, [result])[0]

    np.testing.assert_array_equal(run_value(written, np.ones((2, 1))), np.full((2, 1), 64.0))
