"""The moment of a passed limit, and the tables; and whole rollouts on a real service, at a small scale."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.live_rollouts.__main__ import main, markdown
from benchmarks.live_rollouts.reaction import measure_reaction
from benchmarks.live_rollouts.service import stored_versions, trial_service
from benchmarks.live_rollouts.traffic import Answer
from benchmarks.live_rollouts.trial import Outcome, describe, passing_time_s
from rollout.document import Limits

RATE_PER_S = 150.0


def _answers(count: int, n_broken: int) -> list[Answer]:
    """Return answers of both arms in turn, each a second after the other; the last ``n_broken`` of the challenger are errors."""
    answers = []
    for number in range(2 * count):
        is_challenger = number % 2 == 1
        is_error = is_challenger and number >= 2 * (count - n_broken)
        version = "" if is_error else "errors" if is_challenger else "champion"
        answers.append(Answer(number, number, 500 if is_error else 200, version, 1))
    return answers


def test_the_limit_is_passed_by_the_errors_alone() -> None:
    """The time is that of an error after the minimum of requests; without errors there is none."""
    limits = Limits()
    assert passing_time_s(_answers(300, 0), "errors", limits, 0.5) is None
    passed_s = passing_time_s(_answers(300, 100), "errors", limits, 0.5)
    assert passed_s is not None
    assert 400 < passed_s < 460
    assert passing_time_s(_answers(50, 50), "errors", limits, 0.5) is None, "100 requests of each are needed"


def test_an_equal_challenger_must_stay() -> None:
    """A rollback of an equal challenger, or an error of the champion, is not right; the tables count both."""
    outcome = Outcome("equal", "canary", 0, True, 12.3, 345, "why", ("answers",), {"200": 1}, 0, 0)
    kept_outcome = Outcome("equal", "canary", 1, False, 60.0, 999, "", (), {"200": 1}, 0, 0)
    failed_outcome = Outcome("equal", "canary", 2, False, 60.0, 999, "", (), {"200": 1, "500": 2}, 0, 2)
    assert [item.is_right for item in (outcome, kept_outcome, failed_outcome)] == [False, True, False]
    reaction = {"workers": 2, "is_read_only": True, "seconds": 0.5, "errors_after": 7}
    text = markdown(
        {"rollouts": [describe(item) for item in (outcome, kept_outcome, failed_outcome)], "reactions": [reaction]}
    )
    assert (
        "| equal | canary 10%, 50%, by request | 1 of 3 | 345 (345 to 345) | 12 (12 to 12) | answers 1 | 0, 2 |" in text
    )
    assert "| 2 | read-only: an override | 1 | 0.50 (0.50) | 7 |" in text


@pytest.mark.slow
def test_a_version_with_errors_is_rolled_back(tmp_path: Path) -> None:
    """The command tries a canary that fails some rows on a real service: it is rolled back, and all other answers are right."""
    options = ["--rollouts", "1", "--kinds", "errors", "--plans", "canary", "--no-reactions", "--rate", "300"]
    assert main([*options, "--folder", str(tmp_path)]) == 0
    (rollout,) = json.loads((tmp_path / "live_rollouts.json").read_text(encoding="utf-8"))["rollouts"]
    assert rollout["rolled_back"]
    assert {"error_rate", "error_rise"} & set(rollout["checks"])
    assert rollout["wrong"] == rollout["champion_errors"] == 0
    assert set(rollout["statuses"]) == {"200", "500"}


@pytest.mark.slow
@pytest.mark.parametrize("is_read_only", [False, pytest.param(True, marks=pytest.mark.real_parts)])
def test_all_workers_take_the_traffic_away(is_read_only: bool) -> None:
    """A version that breaks in two workers loses its traffic in both, also if the document is on a read-only volume."""
    if is_read_only and os.geteuid() != 0:
        pytest.skip("only root can mount a folder")
    with stored_versions() as home, trial_service(home, 2, is_read_only=is_read_only) as service:
        reaction = measure_reaction(service, 2, 0, RATE_PER_S, is_read_only=is_read_only)
        assert reaction.is_right, reaction
        assert service.status()["live"]["challenger"] is None
