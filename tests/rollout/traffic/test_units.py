"""Tests of the units of a split."""

from __future__ import annotations

import pytest

from rollout.traffic.units import POSITIONS, header_in_head, header_in_pairs, limit_of, position, salt_of

HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\nX-User-Id: \t ann \r\nx-user-id: second\r\nother-x-user: no\r\n\r\n"


def test_positions_are_spread_evenly() -> None:
    """Of 20,000 units, each tenth of the positions has about a tenth."""
    salt = salt_of("orchard:b")
    tenths = [0] * 10
    for unit in range(20_000):
        tenths[position(b"user-%d" % unit, salt) * 10 // POSITIONS] += 1
    assert all(1_850 < count < 2_150 for count in tenths)


def test_a_position_is_the_same_in_every_process() -> None:
    """The position of a unit is fixed by this test: workers and replicas must agree, and so must later versions."""
    assert position(b"ann", salt_of("orchard:b")) == 0x2AE4DC490434CB76


def test_challengers_have_different_units() -> None:
    """The units below 1% of one challenger are others than those of the next challenger."""
    limit = limit_of(0.01)
    units = [b"user-%d" % index for index in range(10_000)]
    first, second = (
        {unit for unit in units if position(unit, salt_of(tag)) < limit} for tag in ("orchard:b", "orchard:c")
    )
    assert first
    assert second
    assert len(first & second) < 10


@pytest.mark.parametrize(("share", "limit"), [(0.0, 0), (0.5, POSITIONS // 2), (1.0, POSITIONS)])
def test_limits_cover_the_whole_range(share: float, limit: int) -> None:
    """A share of 0 has no position, and a share of 1 has all."""
    assert limit_of(share) == limit


def test_a_header_is_found_in_a_raw_head() -> None:
    """The first value of a header is found in any letter case, without white space around it."""
    assert header_in_head("x-user-ID")(HEAD) == b"ann"
    assert header_in_head("x-user")(HEAD) is None
    assert header_in_head("x.user-id")(HEAD) is None


def test_an_empty_header_counts_as_missing() -> None:
    """A header without a value decides nothing."""
    assert header_in_head("x-user")(b"POST / HTTP/1.1\r\nx-user: \t\r\nhost: a\r\n\r\n") is None
    assert header_in_pairs("x-user")([(b"x-user", b" ")]) is None


def test_both_forms_of_headers_have_the_same_value() -> None:
    """A request gets the same arm from its raw head as from its pairs of ASGI."""
    pairs = [(b"host", b"a"), (b"x-user-id", b"ann"), (b"x-user-id", b"second")]
    assert header_in_pairs("X-User-Id")(pairs) == header_in_head("X-User-Id")(HEAD)
