"""Simulated rollouts end as they should."""

from __future__ import annotations

from benchmarks.rollouts.__main__ import table_row
from benchmarks.rollouts.simulate import Plan, simulate
from benchmarks.rollouts.traffic import Fault
from rollout.document import Limits

CANARY = Plan("canary", (0.5,), 30, 200.0)
SHADOW = Plan("shadow", (), 10, 200.0)


def test_faulty_challengers_are_rolled_back() -> None:
    """Errors, slowness and differing answers are found by the test of their kind, in a canary and in a shadow."""
    errors = simulate(CANARY, Fault("errors", error_rate=0.2), Limits(), 1)
    assert (errors.rolled_back, errors.decision, "error_rise" in errors.tests) == (True, "roll_back", True)
    slow = simulate(CANARY, Fault("slow", slowness=3.0), Limits(), 1)
    assert slow.tests == ("latency_rise",)
    differing = simulate(SHADOW, Fault("category", category_factor=1.3), Limits(differing_share=0.05), 1)
    assert differing.tests == ("differing_share",)


def test_equal_challenger_stays() -> None:
    """A challenger without a fault is not rolled back, and the same seed gives the same rollout."""
    results = [simulate(plan, Fault("equal"), Limits(), 2) for plan in (CANARY, CANARY, SHADOW)]
    assert [result.rolled_back for result in results] == [False] * 3
    assert results[0] == results[1]
    assert results[0].seconds == 30


def test_table_counts_rollbacks() -> None:
    """A row has the rollbacks, the median of answers and seconds, and the tests that decided."""
    results = [simulate(CANARY, Fault("errors", error_rate=0.2), Limits(), seed) for seed in range(2)]
    row = table_row("errors", "canary", results)
    assert row.startswith("| errors | canary | 2 of 2 |")
    assert "error_rise 2" in row
    assert table_row("equal", "canary", [simulate(CANARY, Fault("equal"), Limits(), 2)]).endswith("| - | - | - |")
