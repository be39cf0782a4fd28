"""The checks of a challenger against the limits of its rollout, each by a test that may be looked at at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tabento.ab_test.arms import ArmCounts, LossSums, requests_of_a_unit
from tabento.ab_test.association import association, distance
from tabento.ab_test.latency_rise import latency_rise
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.sequential import (
    MeanSums,
    exceedances_at,
    mean_above,
    rate_above,
    rate_below,
)
from tabento.bundle.numbers import number_text

LATENCY_LEVEL = 0.95
"""The quantile of latency whose rise is limited."""
ERROR_RISE_SHARE = 0.1
"""An error rate above the champion's counts if the difference is at least this share of the limit: half a point of 5%."""
ANSWER_DISTANCE_MIN = 0.02
"""Distributions of answers count as different if at least this share of the answers would have to move to another bin. With many
requests, chance alone would otherwise find the difference of any two trainings of a model."""
LOSSES_MIN = 100
"""The number of losses of each arm below which their means are not about normal."""
EVIDENCE_MAX = 1e6
"""Evidence is reported up to this logarithm, because JSON has no infinity."""

Outcome = Literal["passed", "kept", "open", "no_data"]
"""``passed``: the limit is passed. ``kept``: the limit is proven to be kept. ``open``: neither is known. ``no_data``: there are too
few observations for the test."""
CheckName = Literal["error_rate", "error_rise", "latency_rise", "p99", "differing_share", "answers", "quality"]


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """The result of one check."""

    name: CheckName
    """``error_rate``: the challenger's error rate against the limit. ``error_rise``: against the champion's. ``latency_rise``: the
    ratio of the 95% quantiles. ``p99``: the challenger's share of latencies above the limit. ``differing_share``: of the rows of a
    shadow. ``answers``: the distance of the distributions of answers. ``quality``: the mean losses."""
    outcome: Outcome
    sentence: str
    """The result as a sentence for a person."""
    champion: float | None = None
    """The figure of the champion; None if the check does not need it."""
    challenger: float | None = None
    """The figure of the challenger; None without observations."""
    limit: float | None = None
    """The limit of the challenger's figure."""
    log_evidence: float = 0.0
    """The natural logarithm of the evidence that the limit is passed."""
    threshold: float = 0.0
    """The logarithm of the evidence at which the limit counts as passed."""
    is_better: bool = False
    """Whether the challenger's figure is better than the champion's by more than chance."""
    is_provable: bool = True
    """Whether the check can prove that the limit is kept; a comparison for equality cannot."""


def check_error_rate(challenger: ArmCounts, limit: float, alpha: float) -> LimitCheck:
    """Check the error rate of the challenger against the limit."""
    above = float(rate_above(challenger.errors, challenger.requests, limit))
    below = float(rate_below(challenger.errors, challenger.requests, limit))
    outcome = _outcome(above, below, threshold(alpha))
    sentence = (
        f"Errors of the challenger: {_count(challenger.errors, challenger.requests)}, the limit is {limit:.2%}"
        f" ({_state(outcome)})."
    )
    return LimitCheck(
        "error_rate",
        outcome,
        sentence,
        challenger=challenger.error_rate,
        limit=limit,
        log_evidence=_finite(above),
        threshold=threshold(alpha),
    )


def check_error_rise(
    champion: ArmCounts, challenger: ArmCounts, limit: float, alpha: float, share: float | None
) -> LimitCheck:
    """Check whether the challenger fails more often than the champion, by more than chance.

    Args:
        champion: the counts of the champion.
        challenger: the counts of the challenger.
        limit: the limit of the error rate, from which the smallest difference that counts is derived.
        alpha: the probability of a false alarm.
        share: the planned share of the challenger.
    """
    challenger_rate, champion_rate = challenger.error_rate or 0.0, champion.error_rate or 0.0
    evidence = association(
        [champion.errors, champion.requests - champion.errors],
        [challenger.errors, challenger.requests - challenger.errors],
        share,
    )
    is_significant = evidence >= threshold(alpha)
    is_passed = is_significant and challenger_rate - champion_rate >= ERROR_RISE_SHARE * limit
    outcome: Outcome = "passed" if is_passed else "open"
    sentence = (
        f"Errors of the challenger: {_count(challenger.errors, challenger.requests)}, of the champion:"
        f" {_count(champion.errors, champion.requests)}"
        f" ({'more by more than chance' if is_passed else 'not more by more than chance'})."
    )
    return LimitCheck(
        "error_rise",
        outcome,
        sentence,
        champion=champion_rate,
        challenger=challenger_rate,
        limit=champion_rate + ERROR_RISE_SHARE * limit,
        log_evidence=_finite(evidence if challenger_rate > champion_rate else 0.0),
        threshold=threshold(alpha),
        is_better=is_significant and champion_rate - challenger_rate >= ERROR_RISE_SHARE * limit,
        is_provable=False,
    )


def check_latency_rise(
    champion: ArmCounts, challenger: ArmCounts, limit: float, alpha: float, share: float | None
) -> LimitCheck:
    """Check whether the challenger is slower than a multiple of the champion, near the 95% quantile.

    Args:
        champion: the counts of the champion.
        challenger: the counts of the challenger.
        limit: the share by which the challenger's quantile may be above the champion's.
        alpha: the probability of a false alarm.
        share: the planned share of the challenger.
    """
    evidence = latency_rise(champion.latencies, challenger.latencies, LATENCY_LEVEL, 1.0 + limit, share)
    outcome = _outcome(evidence.above, evidence.below, threshold(alpha))
    first, second = champion.quantile_s(LATENCY_LEVEL) or 0.0, challenger.quantile_s(LATENCY_LEVEL) or 0.0
    if outcome == "passed" and second <= (1.0 + limit) * first:
        outcome = "open"
    is_better = False
    if outcome == "kept":
        equality = latency_rise(champion.latencies, challenger.latencies, LATENCY_LEVEL, 1.0, share)
        is_better = equality.below >= threshold(alpha) and second < first
    sentence = (
        f"The 95% quantile of latency is {1000 * second:.3g} ms, the champion's is {1000 * first:.3g} ms, a rise of"
        f" {limit:.0%} is allowed ({_state(outcome)})."
    )
    return LimitCheck(
        "latency_rise",
        outcome,
        sentence,
        champion=first,
        challenger=second,
        limit=(1.0 + limit) * first,
        log_evidence=_finite(evidence.above),
        threshold=threshold(alpha),
        is_better=is_better,
    )


def check_p99(challenger: ArmCounts, limit_ms: float, alpha: float) -> LimitCheck:
    """Check the 99% quantile of the challenger's latency against a limit in milliseconds."""
    n_at_least, n_at_most = exceedances_at(challenger.latencies, limit_ms / 1000)
    count = challenger.n_latencies
    above, below = float(rate_above(n_at_least, count, 0.01)), float(rate_below(n_at_most, count, 0.01))
    outcome = _outcome(above, below, threshold(alpha))
    sentence = (
        f"About {_count(n_at_least, count)} answers of the challenger took longer than {number_text(limit_ms)} ms; 1% may"
        f" ({_state(outcome)})."
    )
    return LimitCheck(
        "p99",
        outcome,
        sentence,
        challenger=challenger.quantile_s(0.99),
        limit=limit_ms / 1000,
        log_evidence=_finite(above),
        threshold=threshold(alpha),
    )


def check_differing_share(pairs: PairCounts, limit: float, alpha: float) -> LimitCheck:
    """Check the share of the rows of a shadow that differ."""
    above = float(rate_above(pairs.differing, pairs.compared, limit))
    below = float(rate_below(pairs.differing, pairs.compared, limit)) if limit > 0 else -math.inf
    outcome = _outcome(above, below, threshold(alpha))
    sentence = (
        f"Rows that differ: {_count(pairs.differing, pairs.compared)}, {pairs.flips:,} of them with another label; the limit"
        f" is {limit:.2%} ({_state(outcome)})."
    )
    return LimitCheck(
        "differing_share",
        outcome,
        sentence,
        challenger=pairs.differing_share,
        limit=limit,
        log_evidence=_finite(above),
        threshold=threshold(alpha),
        # Nothing can prove that no row ever differs.
        is_provable=limit > 0,
    )


def check_answers(champion: ArmCounts, challenger: ArmCounts, alpha: float, share: float | None) -> LimitCheck:
    """Check whether the distributions of the answers differ by more than chance. Several columns share alpha."""
    names = [name for name in challenger.answers if _have_answers(name, champion, challenger)]
    if not names:
        return LimitCheck("answers", "no_data", "No answers of both versions are counted.", is_provable=False)
    decisive = threshold(alpha / len(names))
    figures = {
        name: (
            association(champion.answers[name], challenger.answers[name], share),
            distance(champion.answers[name], challenger.answers[name]),
        )
        for name in names
    }
    different = [name for name in names if figures[name][0] >= decisive and figures[name][1] >= ANSWER_DISTANCE_MIN]
    name = max(different or names, key=lambda column: figures[column][0])
    evidence, moved_share = figures[name]
    sentence = (
        f"Answers of '{name}': {moved_share:.1%} of them would have to move to another bin"
        f" ({'more than chance' if different else 'no more than chance, or fewer than matter'})."
    )
    return LimitCheck(
        "answers",
        "passed" if different else "open",
        sentence,
        challenger=moved_share,
        limit=ANSWER_DISTANCE_MIN,
        log_evidence=_finite(evidence),
        threshold=decisive,
        is_provable=False,
    )


def check_quality(champion: ArmCounts, challenger: ArmCounts, limit: float, alpha: float) -> LimitCheck:
    """Check the mean loss of the challenger against the champion's.

    The losses of one unit, such as a client, are alike. Therefore the variance is multiplied by their number, as if they were equal: with
    a few large clients, nothing is decided.

    Args:
        champion: the counts of the champion.
        challenger: the counts of the challenger.
        limit: the share by which the challenger's mean loss may be above the champion's.
        alpha: the probability of a false alarm.
    """
    n_losses, n_requests = champion.losses.count + challenger.losses.count, champion.requests + challenger.requests
    effect = 1.0 + (requests_of_a_unit(champion, challenger) - 1.0) * n_losses / max(n_requests, 1)
    first, second = _mean_sums(champion.losses, effect), _mean_sums(challenger.losses, effect)
    if first is None or second is None:
        sentence = (
            f"True values are known for {champion.losses.count:,} answers of the champion and"
            f" {challenger.losses.count:,} of the challenger; {LOSSES_MIN} of each are needed."
        )
        return LimitCheck("quality", "no_data", sentence, champion.losses.mean, challenger.losses.mean)
    scale = max(limit * first.mean, 1e-12)
    ratio = 1.0 + limit
    above = mean_above(first, second, ratio, scale)
    # The reverse: the champion's mean is above the challenger's divided by the ratio.
    below = mean_above(second, first, 1.0 / ratio, scale)
    outcome = _outcome(above, below, threshold(alpha))
    sentence = (
        f"The mean loss of {second.count:,} answers is {second.mean:.4g}, of {first.count:,} answers of the champion"
        f" {first.mean:.4g}; a rise of {limit:.0%} is allowed ({_state(outcome)})."
    )
    return LimitCheck(
        "quality",
        outcome,
        sentence,
        champion=first.mean,
        challenger=second.mean,
        limit=ratio * first.mean,
        log_evidence=_finite(above),
        threshold=threshold(alpha),
        is_better=mean_above(second, first, 1.0, scale) >= threshold(alpha),
    )


def threshold(alpha: float) -> float:
    """Return the logarithm of the evidence that decides: by Ville's inequality, E reaches 1/α with a probability of at most α."""
    return -math.log(alpha)


def _outcome(above: float, below: float, decisive: float) -> Outcome:
    if above >= decisive:
        return "passed"
    return "kept" if below >= decisive else "open"


def _have_answers(name: str, champion: ArmCounts, challenger: ArmCounts) -> bool:
    return sum(champion.answers.get(name, ())) > 0 and sum(challenger.answers[name]) > 0


def _mean_sums(losses: LossSums, effect: float) -> MeanSums | None:
    mean, variance = losses.mean, losses.variance
    if losses.count < LOSSES_MIN or mean is None or variance is None:
        return None
    return MeanSums(losses.count, mean, effect * variance)


def _state(outcome: Outcome) -> str:
    return {"passed": "passed", "kept": "kept", "open": "not decided yet", "no_data": "no data"}[outcome]


def _count(events: int, count: int) -> str:
    return f"{events:,} of {count:,} ({events / count if count else 0.0:.2%})"


def _finite(evidence: float) -> float:
    return min(max(evidence, -EVIDENCE_MAX), EVIDENCE_MAX)
