"""One rollout of one challenger on a running service, from its first moment until the challenger has no traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.live_rollouts.service import TrialService
from benchmarks.live_rollouts.traffic import Answer, Traffic
from benchmarks.live_rollouts.versions import KINDS, NAME, Kind, tag_of
from rollout.changes import Start
from rollout.document import Limits, Step, Sticky
from rollout.judge import ALPHA
from rollout.trials import USER as JUDGE
from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.verdict import Options
from tabento.ab_test.watch import Watch

HOLD_S = 60.0
WARM_S = 1.0
"""The seconds of load before the rollout begins."""
AFTER_S = 1.5
"""The seconds of load after the challenger has lost its traffic: an answer of it then would be found."""
STEPS = (Step(share=0.1, hold_s=HOLD_S), Step(share=0.5, hold_s=HOLD_S))
SHADOW_DIFFERING_SHARE = 0.05
PLANS = {"canary": "canary 10%, 50%, by request", "shadow": "shadow"}
SERVER_ERROR = 500
CHECKS = ("error_rate", "error_rise", "latency_rise", "p99", "differing_share", "answers", "quality")


@dataclass(frozen=True)
class Outcome:
    """The end of a rollout."""

    kind: str
    plan: str
    seed: int
    rolled_back: bool
    seconds: float
    """The seconds from the start of the trial to the last answer of the challenger, or of a shadow to its end."""
    answers: int
    """The requests that the challenger answered or failed until then."""
    reason: str
    """The reason of the rollback, or of the last verdict if there was none."""
    checks: tuple[str, ...]
    """The checks whose limit was passed."""
    statuses: dict[str, int]
    """All requests of the load by status."""
    wrong: int
    """The answers with another number than their version gives."""
    champion_errors: int
    """The failed requests that no challenger can have failed: of a shadow, all."""

    @property
    def is_right(self) -> bool:
        """Whether nothing was answered wrongly, and the faulty challenger, and only this one, was rolled back."""
        return not self.wrong and not self.champion_errors and self.rolled_back == (self.kind != "equal")


def plan_of(kind: Kind, plan: str) -> Start:
    """Return the rollout of a kind of challenger."""
    if plan == "shadow":
        return Start(tag_of(kind), limits=Limits(differing_share=SHADOW_DIFFERING_SHARE))
    return Start(tag_of(kind), mode="canary", steps=STEPS, sticky=Sticky(by="request"))


def run_rollout(
    service: TrialService, kind: Kind, plan: str, seed: int, rate_per_s: float, longest_s: float
) -> Outcome:
    """Try a challenger until it is rolled back or some seconds have passed.

    Args:
        service: a service whose champion is alone.
        kind: the kind of challenger.
        plan: a key of ``PLANS``.
        seed: the seed of the traffic.
        rate_per_s: the requests a second.
        longest_s: the seconds after which it is aborted.

    Raises:
        BenchmarkError: the challenger does not get live, or the champion not alone.
    """
    traffic = Traffic(service.address, rate_per_s, seed)
    labels = (f'model="{NAME}"', f'version="{kind}"', 'variant="challenger"')
    before = service.metric("tabento_rollout_requests_total", *labels)
    with traffic.running():
        time.sleep(WARM_S)
        service.start(plan_of(kind, plan))
        started_s = time.monotonic()
        while service.has_challenger() and time.monotonic() < started_s + longest_s:
            time.sleep(0.05)
        ended_s = time.monotonic()
        last_verdict = (service.status()["trial"] or {}).get("reasons", [])
        service.abort()
        time.sleep(AFTER_S)
    entry = service.store.read().models[NAME]
    is_rolled_back = entry.who == JUDGE
    challenger = challenger_answers(traffic.since(started_s), kind)
    statuses = traffic.statuses()
    if plan == "shadow":
        answers = int(service.metric("tabento_rollout_requests_total", *labels) - before)
        seconds = ended_s - started_s
    else:
        answers = len(challenger)
        seconds = (max(answer.done_s for answer in challenger) if challenger else ended_s) - started_s
    is_to_blame = plan == "canary" and kind == "errors"
    n_errors = sum(
        n for status, n in statuses.items() if status != 200 and not (is_to_blame and status == SERVER_ERROR)
    )
    checks = [name for name in CHECKS if service.metric("tabento_rollout_rolled_back", f'"{name}"', labels[1])]
    return Outcome(
        kind,
        plan,
        seed,
        is_rolled_back,
        round(seconds, 2),
        answers,
        entry.why if is_rolled_back else " ".join(last_verdict),
        tuple(checks) if is_rolled_back else (),
        {str(status): count for status, count in sorted(statuses.items())},
        len(traffic.wrong),
        n_errors,
    )


def challenger_answers(answers: list[Answer], kind: str) -> list[Answer]:
    """Return the requests that the challenger answered or failed; the champion fails none."""
    return [answer for answer in answers if answer.version == kind or answer.status == SERVER_ERROR]


def passing_time_s(answers: list[Answer], kind: str, limits: Limits, share: float) -> float | None:
    """Return the time of the first answer at which the service's own tests find too many errors, if they looked after each.

    Args:
        answers: the answers since the trial began, in the order of their arrival.
        kind: the kind of challenger.
        limits: its limits.
        share: its share of the requests, in its only step.
    """
    champion, challenger = ArmCounts(), ArmCounts()
    watch = Watch(limits, Options(alpha=ALPHA, parts=1, share=share))
    for answer in answers:
        is_error = answer.status == SERVER_ERROR
        arm = challenger if is_error or answer.version == kind else champion
        arm.requests += 1
        arm.errors += is_error
        if is_error and watch.judge(champion, challenger, None, answer.done_s).decision == "roll_back":
            return answer.done_s
    return None


def describe(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON."""
    return {**vars(outcome), "kind": KINDS[outcome.kind], "checks": list(outcome.checks), "is_right": outcome.is_right}  # type: ignore[index]
