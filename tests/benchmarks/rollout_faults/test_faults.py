"""Faults of rollouts on a real service: a part of the benchmark's faults, whose expectations must all be met."""

from __future__ import annotations

import pytest

from benchmarks.rollout_faults.faults import FAULTS, run_fault
from benchmarks.rollout_faults.table import markdown

SHORT = (
    "flipped-byte",
    "wrong-signature",
    "hanging-store",
    "contradictory",
    "two-admins",
    "kill-load",
    "sigterm-fetch",
)
"""Faults of each kind; ``make rollout-faults`` does all of them."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_fault_harms_no_answer(name: str) -> None:
    """Every answer is right and of a live version, nothing fails, the service names the fault, and it recovers."""
    result = run_fault(name)
    assert result["failed"] == []
    assert result["answered"] > 0
    assert FAULTS[name].title in markdown({"faults": [result]})


@pytest.mark.real_parts
def test_a_full_disk_harms_no_answer() -> None:
    """A version that cannot be stored is named with the remedy, and becomes live after space was made."""
    assert run_fault("full-disk")["failed"] == []
