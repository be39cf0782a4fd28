"""The judge: four decisions from the counts of two arms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rollout.document import Limits
from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.verdict import Options, Verdict, judge
from tests.tabento.ab_test.counts import SomeLimits, arm

FLAT = [1_000] * 10
TENTH = Options(share=0.1)


def passed_tests(verdict: Verdict) -> list[str]:
    """Return the names of the tests whose limit is passed."""
    return [test.name for test in verdict.tests if test.outcome == "passed"]


def pairs(compared: int, differing: int) -> PairCounts:
    """Return the counts of compared rows."""
    counts = PairCounts()
    differences = np.where(np.arange(compared) < differing, 0.5, 0.0)
    counts.observe(differences, np.zeros(compared, np.bool_), 0.1)
    return counts


def test_equal_challenger_makes_no_difference() -> None:
    """With the default limits, equal arms keep all limits, and no figure is better."""
    champion, challenger = arm(9_000, 9, answers={"y": FLAT}), arm(1_000, 1, seed=1, answers={"y": [110, 90] * 5})
    verdict = judge(champion, challenger, None, Limits(), TENTH)
    assert (verdict.decision, verdict.enough) == ("no_difference", True)
    assert verdict.tests[-1].outcome == "no_data"
    assert "True values are known for 0 answers" in verdict.tests[-1].sentence
    assert passed_tests(verdict) == []


@pytest.mark.parametrize(
    ("challenger", "test"),
    [
        (arm(400, 24, seed=1), "error_rise"),
        (arm(400, 100, seed=1), "error_rate"),
        (arm(600, seed=1, median_s=0.004), "latency_rise"),
        (arm(1_000, seed=1, answers={"y": [300, 20, 20, 60, 100, 100, 100, 100, 100, 100]}), "answers"),
        (arm(1_000, seed=1, loss=(2_000, 1.5)), "quality"),
    ],
)
def test_each_fault_is_rolled_back_by_its_test(challenger: ArmCounts, test: str) -> None:
    """Errors, latency, answers and quality each roll a challenger back, with a sentence that has both figures."""
    verdict = judge(arm(9_000, 9, answers={"y": FLAT}, loss=(2_000, 1.0)), challenger, None, Limits(), TENTH)
    assert verdict.decision == "roll_back"
    assert test in passed_tests(verdict)
    assert verdict.reasons


def test_too_few_requests_hold() -> None:
    """Below the minimum of requests nothing is decided, also if all of them fail."""
    verdict = judge(arm(9_000), ArmCounts(requests=99, errors=99), None, Limits(), TENTH)
    assert (verdict.decision, verdict.enough, verdict.tests) == ("hold", False, ())
    assert "99 of the challenger" in verdict.reasons[0]


def test_unproven_limits_hold() -> None:
    """100 requests without an error do not prove an error rate below 5%."""
    verdict = judge(arm(900), arm(100, seed=1), None, SomeLimits(error_rate=0.05), TENTH)
    assert (verdict.decision, verdict.enough) == ("hold", True)
    assert "not decided yet" in verdict.reasons[0]


def test_better_challenger_is_promoted() -> None:
    """A challenger that keeps all limits and is faster, or fails less often, by more than chance is to be promoted."""
    limits = SomeLimits(error_rate=0.05, latency_rise=0.5)
    faster = judge(arm(9_000), arm(1_000, seed=1, median_s=0.001), None, limits, TENTH)
    assert (faster.decision, "95% quantile" in faster.reasons[0]) == ("promote", True)
    safer = judge(arm(9_000, 360), arm(1_000, seed=1), None, limits, TENTH)
    assert safer.decision == "promote"
    better = judge(arm(9_000, loss=(5_000, 1.0)), arm(1_000, loss=(5_000, 0.5)), None, SomeLimits(quality_drop=0.1))
    assert better.decision == "promote"
    assert judge(arm(9_000), arm(1_000, seed=1), None, limits, TENTH).decision == "no_difference"


def test_few_more_errors_do_not_matter() -> None:
    """A difference beyond chance that is below a tenth of the limit is no reason."""
    verdict = judge(arm(900_000, 100), arm(100_000, 150, seed=1), None, SomeLimits(error_rate=0.05), TENTH)
    rise = next(test for test in verdict.tests if test.name == "error_rise")
    assert rise.log_evidence > rise.threshold
    assert (rise.outcome, verdict.decision) == ("open", "no_difference")


def test_small_differences_of_answers_do_not_matter() -> None:
    """Distributions that differ by 1% are no reason, however certain the difference is."""
    champion = arm(100, answers={"y": [500_000, 500_000]})
    challenger = arm(100, answers={"y": [510_000, 490_000]})
    verdict = judge(champion, challenger, None, SomeLimits(answer_drift=True))
    assert verdict.tests[0].log_evidence > 50
    assert verdict.decision == "no_difference"


def test_last_step_has_no_champion() -> None:
    """At a share of 1 the champion's last requests of the step before decide nothing, and the challenger's own limits remain."""
    limits = SomeLimits(error_rate=0.05, latency_rise=0.5, p99_ms=20.0, answer_drift=True)
    verdict = judge(arm(3), arm(5_000, seed=1), None, limits, Options(share=1.0))
    assert [test.name for test in verdict.tests] == ["error_rate", "p99"]
    assert verdict.decision == "no_difference"
    slow = judge(ArmCounts(), arm(5_000, seed=1, median_s=0.02), None, limits, Options(share=1.0))
    assert passed_tests(slow) == ["p99"]


def test_shadow_is_judged_by_its_rows() -> None:
    """In a shadow, differing rows decide, and the distributions of answers are not compared."""
    limits = SomeLimits(differing_share=0.05, answer_drift=True)
    champion, challenger = arm(1_000, answers={"y": [1_000, 0]}), arm(1_000, seed=1, answers={"y": [0, 1_000]})
    assert passed_tests(judge(champion, challenger, pairs(1_000, 120), limits)) == ["differing_share"]
    assert judge(champion, challenger, pairs(1_000, 10), limits).decision == "no_difference"
    nothing_may_differ = SomeLimits(differing_share=0.0)
    assert judge(champion, challenger, pairs(1_000, 1), nothing_may_differ).decision == "roll_back"
    assert judge(champion, challenger, pairs(1_000, 0), nothing_may_differ).decision == "no_difference"


def test_more_tests_need_more_evidence() -> None:
    """All tests and all steps share alpha."""
    champion, challenger = arm(9_000), arm(1_000, seed=1)
    alone = judge(champion, challenger, None, SomeLimits(p99_ms=50.0))
    several = judge(champion, challenger, None, SomeLimits(p99_ms=50.0, error_rate=0.05), Options(parts=4))
    assert alone.tests[0].threshold == pytest.approx(np.log(100))
    assert several.tests[0].threshold == pytest.approx(np.log(100 * 3 * 4))


def test_impossible_options_are_refused() -> None:
    """An alpha of 0 and no part are errors with both numbers."""
    for options in (Options(alpha=0.0), Options(parts=0)):
        with pytest.raises(ValueError, match="alpha between 0 and 1"):
            judge(arm(100), arm(100), None, Limits(), options)


def test_verdict_is_json() -> None:
    """A verdict with unlimited evidence has no number that JSON cannot write."""
    verdict = judge(arm(500), arm(500, seed=1), pairs(500, 1), SomeLimits(differing_share=0.0))
    value = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert value["decision"] == "roll_back"
    assert value["tests"][0]["name"] == "differing_share"


def test_losses_of_few_clients_decide_nothing() -> None:
    """A higher mean loss is no reason if most requests come from a few clients, whose losses differ because their rows do."""
    limits = SomeLimits(quality_drop=0.1)
    champion, challenger = arm(9_000, loss=(2_000, 1.0)), arm(1_000, seed=1, loss=(2_000, 1.5))
    assert passed_tests(judge(champion, challenger, None, limits, TENTH)) == ["quality"]
    champion.units[3], champion.units[40] = 6_000, 4_000
    assert judge(champion, challenger, None, limits, TENTH).decision == "hold"


def test_a_shadow_whose_costs_are_unknown_holds() -> None:
    """Without latencies a shadow keeps no latency limit: the verdict waits for them."""
    champion, challenger = arm(2_000, 0), arm(2_000, 0, seed=1)
    for counts in (champion, challenger):
        counts.latencies, counts.latency_us = [0] * len(counts.latencies), 0
    verdict = judge(champion, challenger, pairs(2_000, 0), Limits())
    assert (verdict.decision, verdict.reasons) == ("hold", ("The costs of both versions are not known yet.",))
