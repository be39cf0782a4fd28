"""A/B: four verdicts out of two questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.registry.ab import Arm, compare_arms, read_arm
from training.registry.errors import RegistryError


def arm(name: str, successes: int, requests: int = 10_000, ms: float = 2.0) -> Arm:
    """Return an arm whose latencies are all alike."""
    return Arm(name=name, requests=requests, successes=successes, latencies_ms=(ms,) * 20)


@pytest.mark.parametrize(
    ("successes", "ms", "verdict"),
    [
        (8300, 2.9, "adopt_b"),
        (8300, 3.1, "b_better_but_slower"),
        (8010, 2.9, "no_difference"),
        (8010, 3.1, "keep_a"),
        (7700, 1.0, "keep_a"),
    ],
)
def test_verdicts(successes: int, ms: float, verdict: str) -> None:
    """Better beyond chance is adopted unless it is more than half slower; worse is never, however quick."""
    assert compare_arms(arm("a", 8000), arm("b", successes, ms=ms)).verdict == verdict


def test_figures_are_those_of_the_textbook() -> None:
    """Chi-square without correction, computed by hand: 20 of 100 against 35 of 100."""
    result = compare_arms(arm("a", 20, 100), arm("b", 35, 100))
    # Expected 27.5 and 72.5 in each arm: 2 · 7.5² / 27.5 + 2 · 7.5² / 72.5 = 5.643.
    assert result.test == "chi-square"
    assert result.p_value == pytest.approx(0.01753, rel=1e-3)
    assert (result.rate_a, result.rate_b) == (0.2, 0.35)
    assert result.mean_rise == pytest.approx(0.0)


def test_rare_outcomes_are_tested_exactly() -> None:
    """Where an expected count is below 5, the chi-square distribution would mislead."""
    result = compare_arms(arm("a", 0, 10), arm("b", 6, 10))
    assert result.test == "Fisher exact"
    assert result.p_value == pytest.approx(0.010836, rel=1e-3)


def test_only_successes_are_no_difference() -> None:
    """A table with an empty column has nothing to test."""
    result = compare_arms(arm("a", 100, 100), arm("b", 50, 50))
    assert (result.verdict, result.p_value) == ("no_difference", 1.0)


def test_tail_alone_can_be_too_slow() -> None:
    """The mean may hide what one answer in ten has to wait."""
    slow_tail = Arm(name="b", requests=10_000, successes=8010, latencies_ms=(2.0,) * 18 + (8.0,) * 2)
    result = compare_arms(arm("a", 8000), slow_tail)
    assert result.mean_rise < 0.5 < result.p95_rise
    assert result.verdict == "keep_a"


def test_impossible_counts_are_refused() -> None:
    """More successes than requests, no requests, no latencies and latencies of 0 are faults of the file."""
    for changes in ({"successes": 11}, {"requests": 0}, {"latencies_ms": ()}, {"latencies_ms": (0.0,)}):
        with pytest.raises(ValidationError):
            Arm.model_validate({"name": "a", "requests": 10, "successes": 5, "latencies_ms": (1.0,), **changes})


def test_file_is_read_and_faults_are_named(tmp_path: Path) -> None:
    """A key that is wrong is told by its name, a file that is missing by its path."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"name": "a", "requests": 2, "successes": 1, "latencies_ms": [1, 2]}), encoding="utf-8")
    assert read_arm(path).p95_ms == pytest.approx(1.95)
    path.write_text('{"name": "a", "requests": 2}', encoding="utf-8")
    with pytest.raises(RegistryError, match="successes: missing"):
        read_arm(path)
    with pytest.raises(RegistryError, match=r"b\.json cannot be read"):
        read_arm(tmp_path / "b.json")
