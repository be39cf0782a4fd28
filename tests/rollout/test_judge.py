"""Tests of the consequences of a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.document import Challenger, Step
from rollout.judge import next_action, seconds_since
from tabento.ab_test.checks import LimitCheck
from tabento.ab_test.verdict import Decision, Verdict

STEPS = (Step(share=0.1, hold_s=60), Step(share=1.0, hold_s=120))


def _plan(**properties: Any) -> Challenger:
    return Challenger(**{"tag": "orchard:2", "mode": "canary", "steps": STEPS, **properties})


def _verdict(decision: Decision, enough: bool = True) -> Verdict:
    check = LimitCheck("error_rate", "passed" if decision == "roll_back" else "kept", "6% of 1,000 failed.")
    return Verdict(decision, (check.sentence,), enough, (check,))


def _kind(plan: Challenger, verdict: Verdict, elapsed_s: float, approval: bool = True) -> str | None:
    action = next_action("orchard", plan, verdict, elapsed_s, approval=approval)
    return None if action is None else action.kind


@pytest.mark.parametrize("mode", ["shadow", "canary"])
def test_a_passed_limit_rolls_back_at_once(mode: str) -> None:
    """A challenger that passes a limit is rolled back in its first second, with the limit and its sentence."""
    action = next_action("orchard", _plan(mode=mode), _verdict("roll_back"), 0.5, approval=True)
    assert action is not None
    assert (action.kind, action.tag, action.checks) == ("roll_back", "orchard:2", ("error_rate",))
    assert action.reason == "6% of 1,000 failed."


def test_a_step_advances_when_it_has_lasted() -> None:
    """The next step begins after the time of the present one, if there were enough requests and nothing speaks against it."""
    plan = _plan()
    assert _kind(plan, _verdict("hold"), 59.0) is None
    assert _kind(plan, _verdict("hold", enough=False), 61.0) is None
    assert _kind(plan, _verdict("hold"), 61.0) == "advance"
    assert _kind(_plan(advance="manual"), _verdict("promote"), 61.0) is None


def test_nothing_promotes_itself_unless_the_document_says_so() -> None:
    """After the last step a challenger is promoted only if both the document and the service allow it."""
    last = {"step": 1}
    assert _kind(_plan(**last), _verdict("promote"), 1e6, approval=False) is None
    assert _kind(_plan(**last, promote="automatic"), _verdict("promote"), 1e6, approval=True) is None
    assert _kind(_plan(**last, promote="automatic"), _verdict("no_difference"), 1e6, approval=False) == "promote"
    assert _kind(_plan(**last, promote="automatic"), _verdict("promote"), 100.0, approval=False) is None


def test_a_shadow_never_takes_a_step() -> None:
    """A challenger in the shadow stays there, however long it lasts."""
    plan = _plan(mode="shadow", promote="automatic")
    assert _kind(plan, _verdict("promote"), 1e6, approval=False) is None


def test_seconds_count_from_the_documents_time() -> None:
    """The age of a step is that of the document, and never negative if clocks differ."""
    now_s = 1_795_856_400.0  # 2026-11-28T09:00:00Z
    assert seconds_since("2026-11-28T08:59:00Z", now_s) == 60.0
    assert seconds_since("2026-11-28T09:01:00.5Z", now_s) == 0.0
    assert seconds_since(None, now_s) == 0.0
