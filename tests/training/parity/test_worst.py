"""The worst rows of a report: other labels before numbers, numbers before branches, undecided ones never."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.training.parity.specimens import LABELS, contract, table
from training.frames import to_frame, to_rows
from training.parity.branches import Compared
from training.parity.hostile_rows import Rows
from training.parity.report import Limits
from training.parity.tried import Raised, Scale, Tried
from training.parity.worst import SHOWN, worst_rows

PACKED = to_rows(table(8, seed=4)[0], contract())
PROMISED = contract(classes=LABELS)
EXPECTED = np.tile([0.0, 0.6, 0.3, 0.1], (8, 1))


def tried(
    got: NDArray[np.float64],
    other: list[int] | None = None,
    undecided: list[int] | None = None,
    raised: tuple[str, ...] = (),
) -> Tried:
    """Return eight rows with the graph's answers to them."""
    places = np.arange(8)
    branches = Compared(np.isin(places, other or []), [])
    rows = Rows("test", PACKED, to_frame(PACKED, PROMISED))
    unanswered = Raised(rows.select(places[: len(raised)]), raised, got[: len(raised)], by_both=0, unsendable=0)
    excused = np.isin(places, undecided or [])
    return Tried(rows, EXPECTED, got, {}, branches, excused, np.zeros(8, dtype=bool), np.full(8, np.inf), unanswered)


def test_order_is_that_of_severity() -> None:
    """A flipped label stands first, then a probability beyond the limit, then a branch, then last bits."""
    got = EXPECTED.copy()
    got[1, 2] += 1e-16
    got[3, 1] -= 1e-3
    got[5, 0] = 1.0
    found = worst_rows([tried(got, other=[6])], Scale.of(EXPECTED, 1, Limits()), PROMISED)
    assert [row.answer for row, _ in found] == ["label", "probability of 'high'", "branch", "probability of 'low'"]
    assert (found[0][0].pipeline, found[0][0].onnx) == ("high", "low")
    for (_, packed), place in zip(found, (5, 3, 6, 1), strict=True):
        np.testing.assert_array_equal(packed, PACKED[place])


def test_undecided_rows_are_not_shown() -> None:
    """What scikit-learn itself does not answer in one way is no fault of the graph."""
    got = EXPECTED.copy()
    got[5, 0] = 1.0
    assert worst_rows([tried(got, undecided=[5])], Scale.of(EXPECTED, 1, Limits()), PROMISED) == []


def test_rows_without_an_answer_come_first() -> None:
    """A row on which the pipeline raises an error stands in front, with the error and the graph's answer."""
    got = EXPECTED.copy()
    got[5, 0] = 1.0
    found = worst_rows([tried(got, raised=("ValueError: no",))], Scale.of(EXPECTED, 1, Limits()), PROMISED)
    assert [row.answer for row, _ in found] == ["error", "label"]
    assert (found[0][0].pipeline, found[0][0].onnx) == ("ValueError: no", "high")


def test_few_rows_are_kept() -> None:
    """Of many wrong rows the worst few remain, over all kinds of rows."""
    got = EXPECTED + np.array([0.0, 1e-3, 0.0, 0.0]) * np.arange(1.0, 9.0)[:, np.newaxis]
    found = worst_rows([tried(got), tried(got)], Scale.of(EXPECTED, 1, Limits()), PROMISED)
    assert len(found) == SHOWN
    assert found[0][0].relative == max(row.relative for row, _ in found)
