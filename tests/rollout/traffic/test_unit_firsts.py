"""The first request of each unit, and the requests of units."""

from __future__ import annotations

from rollout.traffic.unit_firsts import UnitFirsts
from tabento.ab_test.arms import UNIT_BUCKETS


def test_first_request_of_a_unit_is_taken_once() -> None:
    """The second request of a unit is not a first one, and a first one counts once."""
    firsts = UnitFirsts()
    firsts.note(1, b"a")
    firsts.note(1, b"b")
    firsts.note(2, b"c")
    assert [firsts.take(request_id) for request_id in (b"a", b"a", b"b", b"c")] == [True, False, False, True]


def test_requests_are_counted_by_a_hash_of_the_unit() -> None:
    """All requests of a unit are in one bucket; a new step begins at 0."""
    firsts = UnitFirsts()
    for number in range(3):
        firsts.note(2**64 - 1, f"r{number}".encode())
    firsts.note(UNIT_BUCKETS + 4, b"x")
    assert (firsts.requests[UNIT_BUCKETS - 1], firsts.requests[4], sum(firsts.requests)) == (3, 1, 4)
    firsts.clear()
    assert sum(firsts.requests) == 0
    firsts.note(2**64 - 1, b"again")
    assert firsts.take(b"again")
