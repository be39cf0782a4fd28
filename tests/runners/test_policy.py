"""The policy that ships."""

from __future__ import annotations

from runners.costs import BatchCosts
from runners.policy import Coalesce


def _costs() -> BatchCosts:
    costs = BatchCosts(1024)
    for size in (1, 2, 4, 8, 16, 32, 64):
        costs.observe(size, size * 0.001)
    return costs


def test_it_never_waits() -> None:
    """Rows are run at the end of the pass in which they came, however few they are."""
    assert Coalesce(0.01, 64).delay(1, 0.0, 0.0, _costs()) == 0.0


def test_a_batch_takes_all_that_waits() -> None:
    """A batch takes all rows that wait if their predicted time is within the budget."""
    assert Coalesce(0.1, 1024).batch_rows(20, 1, _costs()) == 20


def test_a_batch_is_bounded_by_its_predicted_time() -> None:
    """At a millisecond a row, ten milliseconds are ten rows."""
    assert Coalesce(0.0101, 1024).batch_rows(500, 1, _costs()) == 10


def test_a_batch_is_bounded_in_rows() -> None:
    """A batch has at most the largest number of rows, regardless of their cost."""
    assert Coalesce(1.0, 16).batch_rows(500, 1, BatchCosts(1024)) == 16


def test_a_batch_has_at_least_one_row() -> None:
    """A row that is more expensive than the budget is run nevertheless."""
    assert Coalesce(0.0001, 16).batch_rows(500, 1, _costs()) == 1
