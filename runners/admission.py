"""Admission of one model: admits as much work to each pass of the event loop as the SLO allows, and refuses the rest immediately.

The length of a pass, the share of each model, and the fixed costs are those of ``runners.loop_budget``, which all models of a loop
share.

**The charge of a request.** Each request is charged with its work in this pass. A request of up to a slice of rows is charged
with everything: its fixed cost, decoding and encoding its rows, and its rows in the model, the first at the cost of a row in
recent batches, the others at their cost in a larger batch. A large request, of more rows than a slice, does not delay other
requests by all of its rows (``runners.row_queue``): it is charged with decoding and encoding, and with the part of the next
batch that large requests take. A request of many rows must leave as much of the pass to single rows as it takes itself beyond one
row, unless it is the only large one. A request that costs more than a whole pass is admitted if nothing else was admitted
before it.

**The wait of a large request.** Large requests take turns, so a large request also waits for the rows of the large requests
before it. The model runs them during a part of the time only, which the batcher learns (``large_stretch``). A large request is refused if it
would take longer than ``LARGE_WAIT_SHARE`` of the SLO, or ``CALM_LARGE_WAIT_SHARE`` while almost no large one is refused. It is
never refused for that reason if the requests before it take no longer than its own rows: a request that takes longer than the
SLO by itself is compared with its own size.

**Invalid requests.** An invalid request is only recognised by decoding it. Requests of many rows are therefore charged by the
recent share of valid ones: this share of their rows reaches the model, and the rest only costs the time to find faults.
"""

from __future__ import annotations

from runners.account import Account, Batcher
from runners.clock import Loop
from runners.loop_budget import LoopBudget
from runners.pass_length import CALM_SHARE

LARGE_WAIT_SHARE = 0.5
"""The share of the SLO that a large request may wait for others like it and run, predicted."""
CALM_LARGE_WAIT_SHARE = 0.8
"""The same while almost no large request is refused."""
FIRST_DECODE_ROW_S = 2e-6
"""The assumed time to decode a row of a request of many rows, before anything was measured."""
FIRST_REJECT_ROW_S = 20e-6
"""The assumed time for a row of an invalid body of many rows, before anything was measured: every row is read again."""
DECODE_RATE = 0.1
"""The learning rate of these times and of the share of invalid bodies: the weight of one body."""
DECODE_OUTLIER = 4.0
"""A body counts as at most this many times its expected time: the computer may have paused."""


class Admission(Account):
    """Admits the requests to one model by their cost.

    Args:
        loop: the event loop, or a simulated one.
        slo_s: the SLO, in seconds.
        batcher: runs the admitted rows.
        budget: the budget of the loop, if other models share it; by default the model is alone.
    """

    def __init__(self, loop: Loop, slo_s: float, batcher: Batcher, budget: LoopBudget | None = None) -> None:
        self.budget = budget or LoopBudget(loop)
        super().__init__(slo_s, batcher, self.budget.request_s)
        self._queue = batcher.queue
        self._large_long_s = slo_s * LARGE_WAIT_SHARE
        self._large_calm_s = slo_s * CALM_LARGE_WAIT_SHARE
        self._slice_rows = self._queue.slice_rows
        # The costs of each further row of a request in this pass, in the model and outside it.
        self._further_row_s = 0.0
        self._handle_row_s = FIRST_DECODE_ROW_S
        self._decode_row_s = FIRST_DECODE_ROW_S
        # The share of valid requests among those of many rows, and the time for a row of an invalid one.
        self._valid_share = 1.0
        self._reject_row_s = FIRST_REJECT_ROW_S
        # The part of the next batch that is still free for large requests, and the model's time for all of their rows.
        self._large_free_s = 0.0
        self._large_waiting_s = 0.0
        # The time that they may take.
        self._large_limit_s = self._large_calm_s

    @property
    def refusal_s(self) -> float:
        """The learned cost of a refused request of any model of the loop, in seconds."""
        return self.budget.refusal_s

    def admit(self, rows: float = 1.0) -> bool:
        """Return whether a request of about this number of rows is admitted, and charge it. Called once for each request."""
        budget = self.budget
        if self.turn != budget.turn:
            budget.join(self)
        if rows <= 1.0:  # most requests
            if self.quota_s >= self.cost_s and self._charge_quota(self.cost_s, 0.0):
                return True
            claimed_s = budget.claimed_s + self.cost_s
            if claimed_s <= budget.allowance_s:
                budget.claimed_s = claimed_s
                self.n_admitted += 1
                return True
            if not self.is_priced:
                self._price()
            if budget.claimed_s > budget.kept_s and self.quota_s <= 0.0:  # most refusals
                self.n_refused += 1
                return False
        if not self.is_priced:
            self._price()
        further_rows = max(rows - 1.0, 0.0)
        extra_s = further_rows * self._handle_row_s
        if rows > self._slice_rows:
            return self._admit_large(further_rows, self.cost_s, extra_s)
        extra_s += further_rows * self._further_row_s
        self.asked_s += extra_s
        return self._charge(self.cost_s + extra_s, extra_s)

    def worked(self, seconds: float) -> None:
        """Report the time of decoding in this pass, so that it does not count as a fixed cost of its requests.

        Args:
            seconds: the time on the loop. A body that is decoded in slices is reported slice by slice.
        """
        self.budget.decoding_s += seconds

    def reuse(self, rows: int) -> None:
        """Take back the charge for rows of an admitted request that need not run, since a cache has their predictions."""
        budget = self.budget
        reused_s = self.first_row_s if rows == 1 else min(rows, self._slice_rows) * self._further_row_s
        budget.claimed_s = max(budget.claimed_s - reused_s, budget.kept_s)

    def decoded(self, rows: int, seconds: float) -> None:
        """Report the time of decoding a request of more than one row. Single rows are part of a request's cost.

        Args:
            rows: the number of rows, at least 2.
            seconds: the time on the loop, in all its passes; ``worked`` was called for each.
        """
        row_s = min(seconds / rows, DECODE_OUTLIER * self._decode_row_s)
        self._decode_row_s += DECODE_RATE * (row_s - self._decode_row_s)
        self._valid_share += DECODE_RATE * (1.0 - self._valid_share)

    def rejected(self, rows: float, seconds: float) -> None:
        """Report that an admitted request was invalid: it is charged with its decoding, and not with rows in the model.

        Args:
            rows: the number of rows for which it was admitted.
            seconds: the time on the loop to find its faults, in all its passes; ``worked`` was called for each.
        """
        charged_s = self.first_row_s
        if not self.is_priced:
            self._price()
        if rows > 1.0:
            charged_s += (rows - 1.0) * self._handle_row_s
            charged_s += min(rows - 1.0, self._slice_rows) * self._further_row_s
        budget = self.budget
        budget.claimed_s = max(budget.claimed_s - charged_s, budget.kept_s) + seconds
        if rows >= 2.0:
            row_s = min(seconds / rows, DECODE_OUTLIER * self._reject_row_s)
            self._reject_row_s += DECODE_RATE * (row_s - self._reject_row_s)
            self._valid_share -= DECODE_RATE * self._valid_share

    def _admit_large(self, further_rows: float, cost_s: float, handling_s: float) -> bool:
        """Return whether a large request is admitted.

        Args:
            further_rows: the number of its rows beyond the first.
            cost_s: the cost of a request of one row.
            handling_s: the time to decode and encode the other rows.
        """
        model_s = further_rows * self._further_row_s
        own_s = cost_s + handling_s + model_s
        self.n_large += 1
        self.asked_s += own_s - cost_s
        waiting_s = self._large_waiting_s
        turn_s = min(self._slice_rows * self._further_row_s, self._large_free_s)
        room_s = handling_s + turn_s if waiting_s else 0.0
        if waiting_s > own_s and handling_s + (waiting_s + model_s) * self._queue.large_stretch > self._large_limit_s:
            self.n_refused += 1
            self.n_refused_large += 1
            return False
        if not self._charge(cost_s + handling_s + turn_s, room_s):
            self.n_refused_large += 1
            return False
        self._large_free_s -= turn_s
        self._large_waiting_s += model_s
        return True

    def _charge(self, cost_s: float, room_s: float) -> bool:
        """Return whether a request is admitted, given its cost and the time of the pass that it must leave to single rows."""
        if self.quota_s and self._charge_quota(cost_s, room_s):
            return True
        budget = self.budget
        if budget.claimed_s + cost_s + room_s <= budget.allowance_s:
            budget.claimed_s += cost_s
        elif (
            # A request that costs more than a whole pass is admitted if it is alone: otherwise it would never be admitted.
            budget.claimed_s <= budget.kept_s
            and budget.allowance_s >= budget.length.floor_s
            and (not budget.is_shared or self.quota_s > 0.0)
        ):
            budget.claimed_s += cost_s
            if budget.is_shared:
                self.quota_s -= cost_s
        else:
            self.n_refused += 1
            if budget.is_shared:
                self.wanted_s = cost_s
            return False
        self.n_admitted += 1
        return True

    def _charge_quota(self, cost_s: float, room_s: float) -> bool:
        """Return whether the model's share pays for a request; see ``runners.fair_shares``."""
        budget = self.budget
        total_s = cost_s + room_s
        if total_s > self.quota_s:
            return False
        spent_s = budget.claimed_s - budget.kept_s
        # A request that costs more than any pass is never within the limit: only its share pays for it.
        if spent_s + total_s > self.own_limit_s and total_s <= self.own_limit_s:
            return False
        kept_s = budget.kept_light_s if self.is_light else budget.kept_s - budget.kept_light_s
        used_s = min(cost_s, kept_s)
        if self.is_light:
            budget.kept_light_s -= used_s
        budget.kept_s -= used_s
        budget.claimed_s += cost_s - used_s
        self.quota_s -= cost_s
        self.wanted_s = 0.0
        self.n_admitted += 1
        return True

    def _price(self) -> None:
        """Set the cost of further rows in this pass, and the allowance of large requests.

        Called only in a pass that has a request of many rows: most passes have none.
        """
        self.is_priced = True
        queue, valid = self._queue, self._valid_share
        self._slice_rows = queue.slice_rows
        self._further_row_s = valid * min(queue.sliced_row_s, self.first_row_s)
        answered_s = self._decode_row_s + self.batcher.answer_row_s
        self._handle_row_s = valid * answered_s + (1.0 - valid) * self._reject_row_s
        calm = max(1.0 - self.refused_large_share / CALM_SHARE, 0.0)
        self._large_limit_s = self._large_long_s + (self._large_calm_s - self._large_long_s) * calm
        self._large_free_s = max(queue.large_bound_s - self.budget.turns.large_turn_s(), 0.0)
        self._large_waiting_s = queue.large_backlog_s()
