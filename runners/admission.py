"""Who is let in: as much work in each pass of the event loop as its promise allows, and the rest refused at once.

The law. A request waits in its socket for the pass before to end, and is read, run and answered in its own, or where the
doorman does not know what else is coming in the one after: the longest wait is two to three passes. A pass may take
``PASS_SHARE`` of the SLO while refusing costs next to nothing: after a pause of the machine, or where requests are dear, what
can still be answered in time is let in. While next to none are refused at all it may take ``CALM_PASS_SHARE``: what comes
then is a clump, not more than can be done, and the passes before and after it are short. Where refusals take a share of the core that matters, passes are to be short
(``SHORT_PASS_SHARE``): clients with few connections come again only when they were answered, so short passes are what
keeps up with them. Of a pass's time, what refusing the expected surplus takes is set aside, and what already waits in the
queue; the rest is let in, by what requests cost. The surplus expected in a pass is that of the pass before. Costs are
learned from what passes took, less the model's own time; the model's by rows.
"""

from __future__ import annotations

from collections.abc import Callable

from runners.clock import Loop
from runners.meter import LoopMeter

PASS_SHARE = 0.4
"""A pass may take this share of the SLO while next to no time goes into refusals: two such passes are within it."""
CALM_PASS_SHARE = 0.65
"""The same while next to none are refused: a clump of dear requests is worth waiting for, since what follows it is less."""
CALM_SHARE = 0.1
"""The share of refused requests from which on it is no clump any more; below, passes may be longer in proportion."""
CALM_RATE = 0.05
"""How fast that share follows: the weight of one pass."""
SHORT_PASS_SHARE = 0.25
"""The same where refusals take ``REFUSING_SHARE`` of the time or more; in between, in proportion."""
REFUSING_SHARE = 0.15
"""The share of the time that goes into refusals from which on passes are short."""
REFUSING_RATE = 0.2
"""How fast that share follows: the weight of one pass."""
FLOOR_SHARE = 0.25
"""However many are refused, this share of a short pass goes to answers: clients that come back at once after each
refusal would otherwise make refusals the only thing that there is time for."""
RATE = 0.2
"""How fast costs are learned: the weight of a full pass."""
TELLING_REQUESTS = 8
"""A pass of fewer requests teaches nothing: what else went on in it weighs more than they do."""
OUTLIER = 4.0
"""A pass counts as at most this many times what it was expected to cost."""
LEAST_COST_S = 1e-6
"""No request costs less."""
FIRST_REQUEST_S = 60e-6
"""What a request is taken to cost, besides the model, before anything was measured."""
REFUSAL_SHARE = 0.3
"""What a refusal is taken to cost, as a share of a request, before anything was measured."""


class Admission:
    """Admits requests by their cost.

    Args:
        loop: the event loop, or a simulated one.
        slo_s: the promise, in seconds.
        row_s: returns what the model takes for a row now, in seconds.
        backlog_s: returns how long what waits in the queue will take, in seconds.
        model_s: returns the seconds that the model has run on the loop so far.
    """

    def __init__(
        self,
        loop: Loop,
        slo_s: float,
        row_s: Callable[[], float],
        backlog_s: Callable[[], float],
        model_s: Callable[[], float],
    ) -> None:
        self._long_s = slo_s * PASS_SHARE
        self._short_s = slo_s * SHORT_PASS_SHARE
        self._calm_s = slo_s * CALM_PASS_SHARE
        self._floor_s = self._short_s * FLOOR_SHARE
        self._refused_share = 0.0
        self._refusing = 0.0
        self._row_s = row_s
        self._backlog_s = backlog_s
        self._model_s = model_s
        self._allowance_s = self._calm_s
        self._spent_s = 0.0
        self._admitted = 0
        self._refused = 0
        self._model_before_s = 0.0
        self._row_cost_s = 0.0
        self._meter = LoopMeter(loop, self._on_pass)
        self.request_s = FIRST_REQUEST_S
        """What an admitted request costs besides the model, learned."""
        self.refusal_s = FIRST_REQUEST_S * REFUSAL_SHARE
        """What a refused request costs, learned."""

    def admit(self, rows: float = 1.0) -> bool:
        """Tell whether a request of about so many rows is let in, and remember it. Called once a request."""
        self._meter.arrival()
        cost = self.request_s + rows * self._row_cost_s
        # A request that is dearer than a whole pass is let in where nothing else is: its rows are sliced.
        if self._spent_s + cost <= self._allowance_s or (self._spent_s == 0.0 and self._allowance_s >= self._floor_s):
            self._spent_s += cost
            self._admitted += 1
            return True
        self._refused += 1
        return False

    def _on_pass(self, length_s: float) -> None:
        admitted, refused = self._admitted, self._refused
        model_s = self._model_s()
        if length_s > 0.0:
            self._learn(length_s, model_s - self._model_before_s, admitted, refused)
        self._model_before_s = model_s
        self._row_cost_s = self._row_s()
        surplus_s = refused * self.refusal_s
        share = min(surplus_s / length_s, 1.0) if length_s > 0.0 else 0.0
        self._refusing += REFUSING_RATE * (share - self._refusing)
        budget_s = self._long_s - (self._long_s - self._short_s) * min(self._refusing / REFUSING_SHARE, 1.0)
        if admitted or refused:
            self._refused_share += CALM_RATE * (refused / (admitted + refused) - self._refused_share)
        budget_s += (self._calm_s - budget_s) * max(1.0 - self._refused_share / CALM_SHARE, 0.0)
        self._allowance_s = max(budget_s - surplus_s, self._floor_s) - self._backlog_s()
        self._spent_s = 0.0
        self._admitted = 0
        self._refused = 0

    def _learn(self, length_s: float, model_s: float, admitted: int, refused: int) -> None:
        """Move both costs towards explaining what the pass took: normalised least mean squares (Widrow and Hoff, 1960)."""
        if admitted + refused < TELLING_REQUESTS:
            return
        expected_s = admitted * self.request_s + refused * self.refusal_s
        took_s = min(max(length_s - model_s, 0.0), OUTLIER * expected_s)
        weight = RATE * min(expected_s / self._short_s, 1.0)
        step = weight * (took_s - expected_s) / (admitted * admitted + refused * refused)
        self.request_s = max(self.request_s + step * admitted, LEAST_COST_S)
        self.refusal_s = min(max(self.refusal_s + step * refused, LEAST_COST_S), self.request_s)
