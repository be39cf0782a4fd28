"""Bodies of loops: carried values, and values of the outer graph."""

from __future__ import annotations

import numpy as np

from tabento.export.graph.loop_bodies import Body
from tabento.export.graph.writer import DOUBLE, INT64, GraphWriter
from tests.tabento.export.estimator_graphs import run_value


def _write_doubling(writer: GraphWriter, value: str, turns: int, *, runs: bool = True) -> tuple[str, str]:
    """Write a loop that doubles a value in each iteration and adds up the numbers of the iterations."""
    body = Body(writer, [DOUBLE, INT64])
    inner = body.writer
    doubled_value = inner.node("Add", [body.carried[0], body.carried[0]])
    total = inner.node("Add", [body.carried[1], body.iteration])
    continues = inner.constant(np.array(True), "again")
    n_turns, condition = writer.constant(np.array(turns), "most"), writer.constant(np.array(runs), "runs")
    start = writer.constant(np.zeros((1, 1), dtype=np.int64), "start")
    result, count = body.run(n_turns, condition, [value, start], continues, [doubled_value, total])
    return result, count


def test_values_are_carried_from_turn_to_turn() -> None:
    """Each iteration starts with the values of the previous one, and has its number."""
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(run_value(lambda writer, value: _write_doubling(writer, value, 3)[0], rows), 8 * rows)
    turns = run_value(lambda writer, value: writer.cast(_write_doubling(writer, value, 4)[1]), rows)
    np.testing.assert_array_equal(turns, [[6.0]])


def test_loop_that_does_not_run() -> None:
    """A loop without iterations returns its start values."""
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(
        run_value(lambda writer, value: _write_doubling(writer, value, 3, runs=False)[0], rows), rows
    )


def test_loop_inside_a_loop() -> None:
    """A body inside another body has names of its own."""

    def write_loop(writer: GraphWriter, value: str) -> str:
        body = Body(writer, [DOUBLE])
        result, _ = _write_doubling(body.writer, body.carried[0], 2)
        continues = body.writer.constant(np.array(True), "again")
        n_turns, condition = writer.constant(np.array(3), "most"), writer.constant(np.array(True), "runs")
        return body.run(n_turns, condition, [value], continues, [result])[0]

    np.testing.assert_array_equal(run_value(write_loop, np.ones((2, 1))), np.full((2, 1), 64.0))
