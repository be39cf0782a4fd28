"""Tests of the split of traffic."""

from __future__ import annotations

import struct

import pytest

from rollout.document import Sticky
from rollout.traffic.row_units import FieldError
from rollout.traffic.split import Split
from serving.codec.rows import Rows
from tabento.bundle.contract import Contract
from tests.bundles import orchard_contract, tagged_contract

IDS = [b"request-%d" % index for index in range(4_000)]


def _split(sticky: Sticky, share: float = 0.1, contract: Contract | None = None) -> Split[str]:
    return Split("champion", "challenger", "orchard:b", sticky, share, contract or orchard_contract())


def _rows(values: list[float], identifiers: bytes = b"") -> Rows:
    return Rows(struct.pack(f"={len(values)}d", *values), 1, True, identifiers)


def _head(user: str) -> bytes:
    return f"POST /predict HTTP/1.1\r\nhost: a\r\nx-user: {user}\r\n\r\n".encode()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_challenger_gets_its_share_of_requests(share: float) -> None:
    """Of requests that are units of their own, the challenger gets its share."""
    split = _split(Sticky(by="request"), share)
    arms = [split.choose(b"", None, "10.0.0.1", request_id) for request_id in IDS]
    assert arms.count("challenger") / len(IDS) == pytest.approx(share, rel=0.35)


def test_a_user_keeps_the_challenger_when_the_share_grows() -> None:
    """With every step users move to the challenger, and none moves back; at 100% all have moved."""
    split = _split(Sticky(by="header", name="X-User"), 0.01)
    challenger_users: set[str] = set()
    users = [f"user-{index}" for index in range(1_000)]
    for share in (0.01, 0.1, 0.5, 1.0):
        split.set_share(share)
        now = {user for user in users if split.choose(_head(user), None, "10.0.0.1", b"r") == "challenger"}
        assert now >= challenger_users
        challenger_users = now
    assert len(challenger_users) == len(users)


def test_both_connections_choose_the_same_arm() -> None:
    """A user gets the same version on the fast path and through ASGI."""
    split = _split(Sticky(by="header", name="X-User"), 0.5)
    for index in range(200):
        user = f"user-{index}"
        pairs = [(b"x-user", user.encode())]
        first = split.choose(_head(user), "key", "10.0.0.1", b"r1")
        assert split.choose_by_headers(pairs, "key", "10.0.0.1", b"r2") == first


def test_a_request_without_the_header_belongs_to_its_caller() -> None:
    """Without the header that decides, a caller keeps its arm by key, and without a key by address."""
    split = _split(Sticky(by="header", name="x-user"), 0.5)
    by_key = _split(Sticky(by="key"), 0.5)
    for index in range(100):
        key, address = f"key-{index}", f"10.0.0.{index}"
        assert split.choose(b"POST / HTTP/1.1\r\n\r\n", key, address, b"r") == by_key.choose(b"", key, address, b"s")
        assert by_key.choose(b"", None, address, b"r") == by_key.choose(b"", None, address, b"s")


def test_a_feature_of_the_first_row_decides() -> None:
    """The packed value of a feature decides: rows with another value of another feature get the same arm."""
    split = _split(Sticky(by="field", name="height"), 0.5)
    assert split.needs_rows
    assert split.choose(_head("ann"), None, "10.0.0.1", b"r") == "champion"
    arms = set()
    for height in range(50):
        rows = [_rows([age, 3.0, float(height), 0.0, 1.0, 0.0, 0.0]) for age in (1.0, 2.0)]
        first, second = (split.choose_by_row(item, None, "10.0.0.1", b"r") for item in rows)
        assert first == second
        arms.add(first)
    assert arms == {"champion", "challenger"}


def test_an_identifier_decides_for_one_row_and_for_a_list() -> None:
    """The first row's identifier decides, whether the client sends an object or a list."""
    split = _split(Sticky(by="field", name="tag"), 0.5, tagged_contract())
    for index in range(50):
        single = _rows([0.0] * 7, b'{"tag":"T%d"}' % index)
        several = Rows(single.data * 2, 2, False, b'[{"tag":"T%d"},{"tag":"T0"}]' % index)
        first = split.choose_by_row(single, None, "10.0.0.1", b"r")
        assert split.choose_by_row(several, None, "10.0.0.1", b"s") == first


def test_a_missing_value_belongs_to_the_caller() -> None:
    """A row with a missing value of the field gets the arm of its caller."""
    split = _split(Sticky(by="field", name="slope"), 0.5)
    by_key = _split(Sticky(by="key"), 0.5)
    rows = _rows([1.0, 1.0, 1.0, float("nan"), 1.0, 0.0, 0.0])
    for index in range(50):
        assert split.choose_by_row(rows, f"k{index}", "a", b"r") == by_key.choose(b"", f"k{index}", "a", b"r")


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    """A field that the contract does not have is named, with the fields that it has."""
    with pytest.raises(FieldError, match=r"'heigth'.*height"):
        _split(Sticky(by="field", name="heigth"))


def test_the_first_request_of_each_unit_is_noted_once() -> None:
    """Of many requests of one user, the first answered one counts for the distribution of answers."""
    split = _split(Sticky(by="key"), 0.5)
    assert split.firsts is not None
    for request_id in (b"r1", b"r2", b"r3"):
        split.choose(b"", "ann", "10.0.0.1", request_id)
    assert [split.firsts.take(request_id) for request_id in (b"r1", b"r2", b"r3", b"r1")] == [True, False, False, False]
    split.firsts.clear()
    split.choose(b"", "ann", "10.0.0.1", b"r4")
    assert split.firsts.take(b"r4")
