"""The attackers: seeded, named, and hostile as described."""

from __future__ import annotations

import argparse
import random

import pytest

from benchmarks.siege.__main__ import plan
from benchmarks.siege.attack import kinds_of
from benchmarks.siege.attackers.bodies import LARGE_BYTES, SMALL_BYTES, empty_rows, unknown_keys
from benchmarks.siege.attackers.mutations import mutate_bytes, valid_request
from benchmarks.siege.attackers.registry import KINDS, MIX_SIZE, mixes
from benchmarks.siege.attackers.upgrades import BODY_BYTES, smuggling_request


def test_mutations_follow_from_their_seed() -> None:
    """The same seed makes the same mistakes, another seed others."""
    data = valid_request(random.Random(1))
    assert data == valid_request(random.Random(1))
    changed = {mutate_bytes(data, random.Random(seed)) for seed in range(50)}
    assert len(changed) > 40
    assert mutate_bytes(data, random.Random(3)) == mutate_bytes(data, random.Random(3))
    assert mutate_bytes(b"", random.Random(3)) == mutate_bytes(b"", random.Random(3))


def test_bodies_are_as_large_as_they_say() -> None:
    """No body is larger than the service takes, or it would be refused unread."""
    assert SMALL_BYTES * 0.95 < len(unknown_keys(SMALL_BYTES)) <= SMALL_BYTES
    assert LARGE_BYTES * 0.95 < len(unknown_keys(LARGE_BYTES)) <= LARGE_BYTES
    assert LARGE_BYTES * 0.95 < len(empty_rows(LARGE_BYTES)) <= LARGE_BYTES


def test_a_smuggling_body_holds_whole_requests() -> None:
    """It begins with a request, asks for an upgrade, and has 16 to 24 KB."""
    for seed in range(30):
        data = smuggling_request(random.Random(seed), "a")
        assert b"\r\nUpgrade: " in data
        assert b"X-Request-Id: smuggled\r\n" in data
        assert BODY_BYTES[0] - 500 < len(data) < BODY_BYTES[1] + 1_500


def test_mixes_cover_the_kinds() -> None:
    """Every kind is in some mix, no kind appears twice in a mix, and the seed determines the mixes."""
    names = list(KINDS)
    groups = mixes(names, 1, len(names))
    assert all(1 < len(group) <= MIX_SIZE for group in groups)
    assert {name for group in groups for name in group} == set(names)
    assert groups == mixes(names, 1, len(names))
    assert groups != mixes(names, 2, len(names))
    assert mixes(names[:1], 1, 3) == []


def test_the_plan_has_quiet_rounds_first_in_the_middle_and_last() -> None:
    """Each kind attacks once alone; three rounds are without attackers."""
    groups = plan(list(KINDS), 1)
    assert groups[0] == groups[-1] == ()
    assert groups.count(()) == 3
    assert [group for group in groups if len(group) == 1] == [(name,) for name in KINDS]
    assert plan(["churn"], 1) == [(), (), ("churn",), ()]


def test_kinds_are_chosen_by_name() -> None:
    """An unknown kind is named, with those that there are."""
    assert [kind.name for kind in kinds_of("churn, flood")] == ["churn", "flood"]
    with pytest.raises(argparse.ArgumentTypeError, match=r"no kind nothing; there are .*churn"):
        kinds_of("churn,nothing")
