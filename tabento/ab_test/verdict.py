"""The verdict on a challenger: each second, from the counts of both arms. Repeated looks do not make it less valid."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.checks import (
    LimitCheck,
    check_answers,
    check_differing_share,
    check_error_rate,
    check_error_rise,
    check_latency_rise,
    check_p99,
    check_quality,
)
from tabento.ab_test.pairs import PairCounts

Decision = Literal["promote", "hold", "roll_back", "no_difference"]
"""``roll_back``: a limit is passed. ``hold``: too few requests, or not all limits are proven to be kept. ``promote``: all limits
are proven to be kept, and the challenger is better in at least one property by more than chance. ``no_difference``: all limits are
proven to be kept, and the challenger is not better."""


class Limits(Protocol):
    """The limits of a rollout, see ``rollout.document.Limits``. None: not limited."""

    @property
    def error_rate(self) -> float | None:
        """The share of requests that the challenger may fail."""

    @property
    def latency_rise(self) -> float | None:
        """The share by which its 95% quantile of latency may be above the champion's."""

    @property
    def p99_ms(self) -> float | None:
        """The 99% quantile of latency that it must keep, in milliseconds."""

    @property
    def differing_share(self) -> float | None:
        """The share of rows of a shadow that may differ."""

    @property
    def answer_drift(self) -> bool:
        """Whether another distribution of answers is a reason."""

    @property
    def quality_drop(self) -> float | None:
        """The share by which its mean loss may be above the champion's."""

    @property
    def min_requests(self) -> int:
        """The number of requests of each arm below which nothing is decided."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the checks."""

    alpha: float = 0.01
    """The probability that an equal challenger is ever rolled back. All checks and all parts share it (Bonferroni)."""
    parts: int = 1
    """The number of steps of the rollout. Each step has counts of its own and its own part of alpha."""
    share: float | None = None
    """The planned share of the challenger in the traffic of the present step; None if it is unknown. A wrong one costs some requests
    until a decision, never validity. It must be constant while the counts are taken."""


DEFAULT_OPTIONS = Options()
SHADOW_SHARE = 0.5
"""In a shadow, both arms count the same requests."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a challenger."""

    decision: Decision
    reasons: tuple[str, ...]
    """The reasons as sentences."""
    enough: bool
    """Whether each arm with traffic has the minimum of requests. A canary's next step needs it."""
    tests: tuple[LimitCheck, ...]
    """One check for each limit, in the order of the limits."""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return asdict(self)


def judge(
    champion: ArmCounts,
    challenger: ArmCounts,
    pairs: PairCounts | None,
    limits: Limits,
    options: Options = DEFAULT_OPTIONS,
) -> Verdict:
    """Return the verdict on a challenger.

    The probability that a challenger that is equal to the champion is ever rolled back is at most ``options.alpha``, whenever and
    however often the judge looks, if requests are independent. Requests of one client are not: of a sticky rollout with few
    clients, the distributions of answers differ because the clients do.

    Args:
        champion: the counts of the champion since the present step began. If it has no traffic in this step, the limits of the
            challenger alone are checked. Of a shadow: the requests that both versions got.
        challenger: the counts of the challenger since the present step began.
        pairs: the compared rows of a shadow; None for a canary.
        limits: the limits.
        options: the options of the checks.

    Raises:
        ValueError: ``options.alpha`` is not in (0, 1), or ``options.parts`` is below 1.
    """
    if not 0.0 < options.alpha < 1.0 or options.parts < 1:
        raise ValueError(
            f"Expected an alpha between 0 and 1 and at least 1 part, got {options.alpha} and {options.parts}."
        )
    is_compared = has_champion(champion, options)
    smallest = min(challenger.requests, champion.requests) if is_compared else challenger.requests
    if smallest < limits.min_requests:
        counts = f"{challenger.requests:,} of the challenger and {champion.requests:,} of the champion"
        reason = f"Too few requests: {counts}; {limits.min_requests:,} of each are needed."
        return Verdict("hold", (reason,), False, ())
    checks = tuple(_checks(champion, challenger, pairs, limits, options))
    passed = tuple(check.sentence for check in checks if check.outcome == "passed")
    if passed:
        return Verdict("roll_back", passed, True, checks)
    undecided = tuple(check.sentence for check in checks if check.outcome == "open" and check.is_provable)
    if undecided:
        return Verdict("hold", undecided, True, checks)
    better = tuple(check.sentence for check in checks if check.is_better)
    if better:
        return Verdict("promote", better, True, checks)
    return Verdict(
        "no_difference", ("All limits are kept, and no figure is better by more than chance.",), True, checks
    )


def has_champion(champion: ArmCounts, options: Options) -> bool:
    """Return whether the champion has traffic in the present step; its last requests of the step before do not count."""
    return champion.requests > 0 and options.share != 1.0


def _checks(
    champion: ArmCounts, challenger: ArmCounts, pairs: PairCounts | None, limits: Limits, options: Options
) -> list[LimitCheck]:
    is_canary, is_compared = pairs is None, has_champion(champion, options)
    enabled = [
        limits.error_rate is not None,
        limits.error_rate is not None,
        limits.latency_rise is not None,
        limits.p99_ms is not None,
        limits.differing_share is not None and not is_canary,
        limits.answer_drift and is_canary,
        limits.quality_drop is not None,
    ]
    alpha = options.alpha / options.parts / max(sum(enabled), 1)
    share = options.share if is_canary else SHADOW_SHARE
    checks = []
    if limits.error_rate is not None:
        checks.append(check_error_rate(challenger, limits.error_rate, alpha))
        if is_compared:
            checks.append(check_error_rise(champion, challenger, limits.error_rate, alpha, share))
    if limits.latency_rise is not None and is_compared:
        if challenger.n_latencies and champion.n_latencies:
            checks.append(check_latency_rise(champion, challenger, limits.latency_rise, alpha, share))
        elif not is_canary:
            # A shadow estimates latencies once the costs of both models are known.
            checks.append(LimitCheck("latency_rise", "open", "The costs of both versions are not known yet."))
    if limits.p99_ms is not None and challenger.n_latencies:
        checks.append(check_p99(challenger, limits.p99_ms, alpha))
    if limits.differing_share is not None and pairs is not None and pairs.compared:
        checks.append(check_differing_share(pairs, limits.differing_share, alpha))
    if limits.answer_drift and is_canary and is_compared:
        checks.append(check_answers(champion, challenger, alpha, share))
    if limits.quality_drop is not None:
        checks.append(check_quality(champion, challenger, limits.quality_drop, alpha))
    return checks
