"""The watch over one step of a rollout: the verdict on all its counts, and on those of the latest window.

A version that breaks after a week has a week of good answers. Their counts would hide the fault for hours. Therefore the watch also
judges a window that begins again and again. Its windows share one half of alpha: window k has the part 1 / (k (k + 1)), the sum
of which is 1, so that an equal challenger is not rolled back by the number of windows.
"""

from __future__ import annotations

from dataclasses import replace

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.verdict import DEFAULT_OPTIONS, Limits, Options, Verdict, judge

WINDOW_S = 60.0
"""The seconds that a window lasts at least."""
WINDOW_FACTOR = 10
"""A window lasts until each arm with traffic has at least this multiple of the minimum of requests."""


class Watch:
    """The watch over one step of a rollout. Each step has its own.

    Args:
        limits: the limits.
        options: the options of the checks.
    """

    def __init__(self, limits: Limits, options: Options = DEFAULT_OPTIONS) -> None:
        self._limits = limits
        self._total = replace(options, alpha=options.alpha / 2)
        self._start_s: float | None = None
        self._champion, self._challenger = ArmCounts(), ArmCounts()
        self._pairs: PairCounts | None = None
        self._number = 1

    def judge(self, champion: ArmCounts, challenger: ArmCounts, pairs: PairCounts | None, now_s: float) -> Verdict:
        """Return the verdict on all counts; ``roll_back`` also if a limit is passed in the present window.

        Args:
            champion: the counts of the champion since the step began, see ``tabento.ab_test.verdict.judge``.
            challenger: the counts of the challenger since the step began.
            pairs: the compared rows of a shadow; None for a canary.
            now_s: the present time in seconds, by a clock that is never set back.
        """
        verdict = judge(champion, challenger, pairs, self._limits, self._total)
        if self._start_s is None:
            self._start_s = now_s
        if verdict.decision == "roll_back":
            return verdict
        window = self._window(champion, challenger, pairs)
        if window is None:  # A worker has restarted without its counts.
            self._restart(champion, challenger, pairs, now_s)
            return verdict
        # The first window has the counts of the step.
        if self._number > 1:
            alpha = self._total.alpha / (self._number * (self._number + 1))
            latest = judge(*window, self._limits, replace(self._total, alpha=alpha))
            if latest.decision == "roll_back":
                seconds = now_s - self._start_s
                reasons = tuple(f"In the last {seconds:.0f} s: {reason}" for reason in latest.reasons)
                return Verdict("roll_back", reasons, True, latest.tests)
        smallest = self._limits.min_requests * WINDOW_FACTOR
        if now_s - self._start_s >= WINDOW_S and window[1].requests >= smallest:
            self._restart(champion, challenger, pairs, now_s)
        return verdict

    def _window(
        self, champion: ArmCounts, challenger: ArmCounts, pairs: PairCounts | None
    ) -> tuple[ArmCounts, ArmCounts, PairCounts | None] | None:
        first, second = champion.since(self._champion), challenger.since(self._challenger)
        third = pairs if pairs is None or self._pairs is None else pairs.since(self._pairs)
        if first is None or second is None or (third is None) is not (pairs is None):
            return None
        return first, second, third

    def _restart(self, champion: ArmCounts, challenger: ArmCounts, pairs: PairCounts | None, now_s: float) -> None:
        self._champion, self._challenger = champion.copy(), challenger.copy()
        self._pairs = None if pairs is None else pairs.copy()
        self._start_s = now_s
        self._number += 1
