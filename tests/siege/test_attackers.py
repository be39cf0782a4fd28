"""Good clients get their own answers despite hostile clients, and no request stays in flight."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.siege.attackers.kind import FAULTS, Kind
from benchmarks.siege.attackers.registry import KINDS
from benchmarks.siege.service import BesiegedService
from tests.siege.skirmish import settles, skirmish

TIMED = ("half_head", "half_body", "trickle", "slow_read")
"""Kinds that wait for a time limit or for their own pauses: see ``test_limits``."""
LARGE = ("unknown_keys_large", "empty_rows_large", "flood", "thousand_rows")
ATTEMPTS, LARGE_ATTEMPTS, MIXED_ATTEMPTS = 12, 2, 2
QUICK = [kind for name, kind in KINDS.items() if name not in TIMED]


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.name)
def test_one_kind_harms_no_client(besieged_service: BesiegedService, kind: Kind) -> None:
    """With attackers of one kind connected, every good request gets its own answer, and the attackers find no fault."""
    attempts = LARGE_ATTEMPTS if kind.name in LARGE else ATTEMPTS
    outcomes = asyncio.run(skirmish(besieged_service.port, [kind], attempts))
    assert not FAULTS & set(outcomes), outcomes
    settles(besieged_service)


def test_all_kinds_in_parallel_harm_no_client(besieged_service: BesiegedService) -> None:
    """All kinds in parallel do no more harm than each kind alone."""
    outcomes = asyncio.run(skirmish(besieged_service.port, QUICK, MIXED_ATTEMPTS))
    assert not FAULTS & set(outcomes), outcomes
    settles(besieged_service)
