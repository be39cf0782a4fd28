"""The worst rows of a report: other labels before numbers, numbers before branches, undecided ones never."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.parity.comparison.branches import ComparedLeaves
from tabento.parity.comparison.compared_rows import ComparedRows, RaisedRows, Scale
from tabento.parity.comparison.worst_rows import WORST_ROWS, worst_rows
from tabento.parity.report import Limits
from tabento.parity.rows.hostile_rows import Rows
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, contract, table

PACKED = to_rows(table(8, seed=4)[0], contract())
CONTRACT = contract(classes=LABELS)
EXPECTED = np.tile([0.0, 0.6, 0.3, 0.1], (8, 1))


def make_compared_rows(
    got: NDArray[np.float64],
    other: list[int] | None = None,
    undecided: list[int] | None = None,
    raised: tuple[str, ...] = (),
) -> ComparedRows:
    """Return eight rows with the graph's answers to them."""
    places = np.arange(8)
    branches = ComparedLeaves(np.isin(places, other or []), [])
    rows = Rows("test", PACKED, to_frame(PACKED, CONTRACT))
    unanswered = RaisedRows(rows.select(places[: len(raised)]), raised, got[: len(raised)], by_both=0, unsendable=0)
    excluded = np.isin(places, undecided or [])
    return ComparedRows(
        rows, EXPECTED, got, {}, branches, excluded, np.zeros(8, dtype=bool), np.full(8, np.inf), unanswered
    )


def test_rows_are_ordered_by_severity() -> None:
    """A flipped label is first, then a probability above the limit, then a branch, then last bits."""
    got = EXPECTED.copy()
    got[1, 2] += 1e-16
    got[3, 1] -= 1e-3
    got[5, 0] = 1.0
    worst = worst_rows([make_compared_rows(got, other=[6])], Scale.from_answers(EXPECTED, 1, Limits()), CONTRACT)
    assert [row.answer for row, _ in worst] == ["label", "probability of 'high'", "branch", "probability of 'low'"]
    assert (worst[0][0].pipeline, worst[0][0].onnx) == ("high", "low")
    for (_, packed), place in zip(worst, (5, 3, 6, 1), strict=True):
        np.testing.assert_array_equal(packed, PACKED[place])


def test_undecided_rows_are_not_shown() -> None:
    """Rows without one answer of scikit-learn are not errors of the graph."""
    got = EXPECTED.copy()
    got[5, 0] = 1.0
    assert (
        worst_rows([make_compared_rows(got, undecided=[5])], Scale.from_answers(EXPECTED, 1, Limits()), CONTRACT) == []
    )


def test_rows_without_an_answer_are_first() -> None:
    """A row on which the pipeline raises an error is first, with the error and the graph's answer."""
    got = EXPECTED.copy()
    got[5, 0] = 1.0
    worst = worst_rows(
        [make_compared_rows(got, raised=("ValueError: no",))], Scale.from_answers(EXPECTED, 1, Limits()), CONTRACT
    )
    assert [row.answer for row, _ in worst] == ["error", "label"]
    assert (worst[0][0].pipeline, worst[0][0].onnx) == ("ValueError: no", "high")


def test_few_rows_are_kept() -> None:
    """Of many wrong rows the worst few remain, over all kinds of rows."""
    got = EXPECTED + np.array([0.0, 1e-3, 0.0, 0.0]) * np.arange(1.0, 9.0)[:, np.newaxis]
    worst = worst_rows(
        [make_compared_rows(got), make_compared_rows(got)], Scale.from_answers(EXPECTED, 1, Limits()), CONTRACT
    )
    assert len(worst) == WORST_ROWS
    assert worst[0][0].relative == max(row.relative for row, _ in worst)
