"""The length that a pass of the event loop may have.

While almost nothing is refused, a pass may take ``CALM_PASS_SHARE`` of the SLO: such requests are a burst, and the passes around it
are short. If requests are refused, but refusing costs next to no time, a pass may take ``PASS_SHARE``. If refusing takes a share of the
core that matters, a pass may take ``SHORT_PASS_SHARE``: clients with few connections send again only when they were answered, and
short passes keep up with them. The time to refuse the expected surplus is subtracted, estimated by the surplus of the previous pass.
"""

from __future__ import annotations

from math import inf

from runners.account import CALM_RATE

PASS_SHARE = 0.4
"""The share of the SLO that a pass may take while refusals cost next to no time: two such passes are within the SLO."""
CALM_PASS_SHARE = 0.65
"""The same while almost nothing is refused: a burst of expensive requests is worth the wait, since fewer requests follow it."""
CALM_SHARE = 0.1
"""At this share of refused requests or more it is not a burst; below it, passes may be longer in proportion."""
SHORT_PASS_SHARE = 0.25
"""The same while refusals take ``REFUSING_SHARE`` of the time or more; in between, in proportion."""
REFUSING_SHARE = 0.15
"""At this share of the time spent on refusals or more, passes are short."""
REFUSING_RATE = 0.2
"""The learning rate of that share: the weight of one pass."""
FLOOR_SHARE = 0.25
"""This share of a short pass goes to answers, however many requests are refused. Otherwise clients that send again
immediately after each refusal would leave time for refusals only."""
LEAST_SHARE = 5e-18
"""A share of refused requests, or of the time for refusals, this small has no effect."""


class PassLength:
    """The length that a pass may have, in seconds, by the SLO and by the requests that were refused lately."""

    def __init__(self) -> None:
        self.slo_s = inf
        """The SLO."""
        self.long_s = 0.0
        """The length while refusals cost next to no time."""
        self.short_s = 0.0
        """The length while refusals take a part of the time that matters."""
        self.calm_s = 0.0
        """The length while almost nothing is refused."""
        self.quiet_s = 0.0
        """The length while nothing is refused."""
        self.floor_s = 0.0
        """The smallest length."""
        self.is_strained = False
        """Whether requests were refused lately; if not, both shares are 0."""
        self.refused_share = 0.0
        """The recent share of refused requests among small ones."""
        self.refusing = 0.0
        """The recent share of time that was spent on refusals."""

    def set_slo(self, slo_s: float) -> None:
        """Set the SLO, in seconds."""
        self.slo_s = slo_s
        self.long_s = slo_s * PASS_SHARE
        self.short_s = slo_s * SHORT_PASS_SHARE
        self.calm_s = slo_s * CALM_PASS_SHARE
        self.quiet_s = self.long_s + (self.calm_s - self.long_s)
        self.floor_s = self.short_s * FLOOR_SHARE

    def after(self, length_s: float, surplus_s: float, n_admitted: int, n_refused: int) -> float:
        """Return the length of a pass, if requests were refused in the previous pass, or lately.

        Args:
            length_s: the duration of the previous pass; 0 if the loop was idle.
            surplus_s: the part of it for refusals.
            n_admitted: the number of requests that were admitted in it.
            n_refused: the number of requests that were refused in it, without large ones. Those are refused for the sake of small
                ones: that is not an overload, and passes need not be shorter.
        """
        share = min(surplus_s / length_s, 1.0) if length_s > 0.0 else 0.0
        self.refusing += REFUSING_RATE * (share - self.refusing)
        budget_s = self.long_s - (self.long_s - self.short_s) * min(self.refusing / REFUSING_SHARE, 1.0)
        if n_admitted or n_refused:
            self.refused_share += CALM_RATE * (n_refused / (n_admitted + n_refused) - self.refused_share)
        budget_s += (self.calm_s - budget_s) * max(1.0 - self.refused_share / CALM_SHARE, 0.0)
        self.is_strained = self.refusing > LEAST_SHARE or self.refused_share > LEAST_SHARE
        if not self.is_strained:
            self.refusing = self.refused_share = 0.0
        return max(budget_s - surplus_s, self.floor_s)
