"""The consequences of a verdict: what happens next to a challenger, given the counts of the present step and its age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollout.document import Challenger, RolloutDocument
from tabento.ab_test.verdict import Verdict

ALPHA = 0.01
"""The probability that a challenger equal to the champion is ever rolled back, over all steps and all looks."""

Kind = Literal["roll_back", "advance", "promote"]


@dataclass(frozen=True)
class Action:
    """A change that the judge makes to the rollout document."""

    kind: Kind
    name: str
    """The model."""
    tag: str
    """The challenger."""
    step: int
    """The index of the step that was judged."""
    reason: str
    """The reason, as a sentence."""
    checks: tuple[str, ...] = ()
    """The names of the checks whose limit is passed, see ``tabento.ab_test.checks.CheckName``."""
    step_since: str | None = None
    """The beginning of the step that was judged, as the document has it."""

    def concerns(self, document: RolloutDocument) -> bool:
        """Return whether a document still has the challenger that was judged, at this step or a later one.

        A challenger that was stopped and started again since, with other limits perhaps, was not judged yet.
        """
        entry = document.models.get(self.name)
        plan = None if entry is None else entry.challenger
        if plan is None or plan.tag != self.tag:
            return False
        return plan.step > self.step or (plan.step == self.step and plan.step_since == self.step_since)


def next_action(name: str, plan: Challenger, verdict: Verdict, elapsed_s: float, *, approval: bool) -> Action | None:
    """Return the change that a verdict asks for; None if nothing changes now.

    Args:
        name: the model.
        plan: the challenger in the document.
        verdict: the verdict on the present step.
        elapsed_s: the seconds since the step began.
        approval: whether only a command may promote, see ``rollout_approval``.
    """
    if verdict.decision == "roll_back":
        checks = tuple(check.name for check in verdict.tests if check.outcome == "passed")
        reason = " ".join(verdict.reasons) or "A limit is passed."
        return Action("roll_back", name, plan.tag, plan.step, reason, checks, plan.step_since)
    if plan.mode == "shadow" or not verdict.enough or elapsed_s < plan.steps[plan.step].hold_s:
        return None
    if plan.step + 1 < len(plan.steps):
        if plan.advance == "manual":
            return None
        reason = f"The step of {plan.share:.4g} has lasted {elapsed_s:.0f} s, and no limit is passed."
        return Action("advance", name, plan.tag, plan.step, reason, (), plan.step_since)
    if plan.promote == "automatic" and not approval:
        reason = f"The last step has lasted {elapsed_s:.0f} s, and no limit is passed."
        return Action("promote", name, plan.tag, plan.step, reason, (), plan.step_since)
    return None


def seconds_since(time_text: str | None, now_s: float) -> float:
    """Return the seconds since a time of the document; 0 if it has none.

    Args:
        time_text: such as ``2026-11-28T09:15:00Z``.
        now_s: the Unix time.
    """
    if time_text is None:
        return 0.0
    return max(now_s - datetime.fromisoformat(time_text).timestamp(), 0.0)
