"""The watch finds a fault that begins late."""

from __future__ import annotations

import numpy as np

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.verdict import Options, judge
from tabento.ab_test.watch import WINDOW_S, Watch
from tests.tabento.ab_test.counts import SomeLimits, arm

LIMITS = SomeLimits(error_rate=0.05)


def test_fault_after_many_good_answers_is_found_at_once() -> None:
    """After 100,000 good answers, 200 failed requests roll the challenger back, although the counts of all answers do not."""
    watch = Watch(LIMITS, Options(share=0.5))
    champion, challenger = arm(100_000), arm(100_000, seed=1)
    assert watch.judge(champion, challenger, None, 0.0).decision == "no_difference"
    assert watch.judge(champion, challenger, None, WINDOW_S).decision == "no_difference"
    champion.add(arm(200))
    challenger.add(ArmCounts(requests=200, errors=200))
    assert judge(champion, challenger, None, LIMITS, Options(share=0.5)).decision == "no_difference"
    verdict = watch.judge(champion, challenger, None, WINDOW_S + 2)
    assert verdict.decision == "roll_back"
    assert verdict.reasons[0].startswith("In the last 2 s: Errors of the challenger: 200 of 200")


def test_rows_of_a_shadow_have_a_window() -> None:
    """Rows that begin to differ are found in the window of the compared rows."""
    watch = Watch(SomeLimits(differing_share=0.05))
    champion, challenger, pairs = arm(50_000), arm(50_000, seed=1), PairCounts()
    pairs.observe(np.zeros(50_000), np.zeros(50_000, np.bool_), 0.1)
    for now_s in (0.0, WINDOW_S):
        assert watch.judge(champion, challenger, pairs, now_s).decision == "no_difference"
    champion.add(arm(150))
    challenger.add(arm(150))
    pairs.observe(np.ones(150), np.zeros(150, np.bool_), 0.1)
    assert watch.judge(champion, challenger, pairs, WINDOW_S + 1).decision == "roll_back"


def test_lost_counts_begin_a_new_window() -> None:
    """If a worker has restarted without its counts, the totals fall; the watch goes on with a new window."""
    watch = Watch(LIMITS, Options(share=0.5))
    for now_s in (0.0, WINDOW_S):
        watch.judge(arm(10_000), arm(10_000, seed=1), None, now_s)
    assert watch.judge(arm(5_000), arm(5_000, seed=1), None, WINDOW_S + 1).decision == "no_difference"
    challenger = arm(5_000, seed=1)
    challenger.add(ArmCounts(requests=200, errors=200))
    champion = arm(5_000)
    champion.add(arm(200))
    assert watch.judge(champion, challenger, None, WINDOW_S + 2).decision == "roll_back"


def test_equal_challenger_survives_many_windows() -> None:
    """200 windows of 1,000 requests each with equal error rates do not roll the challenger back."""
    random = np.random.default_rng(8)
    watch = Watch(LIMITS, Options(share=0.5))
    champion, challenger = ArmCounts(), ArmCounts()
    for window in range(200):
        for counts in (champion, challenger):
            counts.requests += 1_000
            counts.errors += int(random.binomial(1_000, 0.01))
        assert watch.judge(champion, challenger, None, window * WINDOW_S).decision != "roll_back"
