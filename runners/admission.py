"""Admission: admits as much work to each pass of the event loop as the SLO allows, and refuses the rest immediately.

**The wait of a request.** A request waits in its socket until the current pass of the loop ends. It is then read, run and
answered in the next pass, or one pass later if its body has not fully arrived. The longest wait is
two to three passes. Admission keeps passes short enough for that.

**The length of a pass.** While almost nothing is refused, a pass may take ``CALM_PASS_SHARE`` of the SLO: such
requests are a burst, and the passes around it are short. If requests are refused, but refusing costs next to no time, a pass may take
``PASS_SHARE``. If refusing takes a share of the core that matters, a pass may take ``SHORT_PASS_SHARE``: clients with few
connections send again only when they were answered, and short passes keep up with them. Two times are subtracted: the time
to refuse the expected surplus, estimated by the surplus of the previous pass, and the time for which waiting rows delay a new row.

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

**Learned costs.** Fixed costs are learned from the length of passes, without the times that are measured directly: batches,
answers of many rows and the decoding of unusual bodies (``decoded``, ``rejected``).
"""

from __future__ import annotations

from typing import Protocol

from runners.clock import Loop
from runners.meter import LoopMeter

PASS_SHARE = 0.4
"""The share of the SLO that a pass may take while refusals cost next to no time: two such passes are within the SLO."""
CALM_PASS_SHARE = 0.65
"""The same while almost nothing is refused: a burst of expensive requests is worth the wait, since fewer requests follow it."""
CALM_SHARE = 0.1
"""At this share of refused requests or more it is not a burst; below it, passes may be longer in proportion."""
CALM_RATE = 0.05
"""The learning rate of that share: the weight of one pass."""
SHORT_PASS_SHARE = 0.25
"""The same while refusals take ``REFUSING_SHARE`` of the time or more; in between, in proportion."""
REFUSING_SHARE = 0.15
"""At this share of the time spent on refusals or more, passes are short."""
REFUSING_RATE = 0.2
"""The learning rate of that share: the weight of one pass."""
LARGE_WAIT_SHARE = 0.5
"""The share of the SLO that a large request may wait for others like it and run, predicted."""
CALM_LARGE_WAIT_SHARE = 0.8
"""The same while almost no large request is refused."""
FLOOR_SHARE = 0.25
"""This share of a short pass goes to answers, however many requests are refused. Otherwise clients that send again
immediately after each refusal would leave time for refusals only."""
RATE = 0.2
"""The learning rate of costs: the weight of a full pass."""
TELLING_REQUESTS = 8
"""A pass of fewer requests never raises their cost: other work in it takes more time than they do."""
OUTLIER = 4.0
"""A pass counts as at most this many times its expected cost."""
LEAST_COST_S = 1e-6
"""No request costs less."""
FIRST_REQUEST_S = 60e-6
"""The assumed cost of a request, besides the model, before anything was measured."""
REFUSAL_SHARE = 0.3
"""The assumed cost of a refusal, as a share of a request, before anything was measured."""
FIRST_DECODE_ROW_S = 2e-6
"""The assumed time to decode a row of a request of many rows, before anything was measured."""
FIRST_REJECT_ROW_S = 20e-6
"""The assumed time for a row of an invalid body of many rows, before anything was measured: every row is read again."""
DECODE_RATE = 0.1
"""The learning rate of these times and of the share of invalid bodies: the weight of one body."""
DECODE_OUTLIER = 4.0
"""A body counts as at most this many times its expected time: the computer may have paused."""


class Queue(Protocol):
    """The numbers that admission needs from ``runners.row_queue.RowQueue``, which has their meaning; times are in seconds."""

    rows: int
    slice_rows: int
    sliced_row_s: float
    large_bound_s: float
    large_stretch: float

    def backlog_s(self) -> float:
        """Return the time by which the waiting rows delay a new row."""
        ...

    def large_turn_s(self) -> float:
        """Return the time of the next batch that waiting large requests take."""
        ...

    def large_backlog_s(self) -> float:
        """Return the model's time for all waiting rows of large requests."""
        ...


class Batcher(Protocol):
    """The numbers that admission needs from ``runners.batcher.MicroBatcher``, which has their meaning; times are in seconds."""

    answer_row_s: float

    @property
    def queue(self) -> Queue:
        """The rows that wait."""
        ...

    def row_s(self) -> float:
        """Return the model's time for a row in recent batches."""
        ...

    def loop_total_s(self) -> float:
        """Return the total time that batches, and answers of many rows, have taken on the loop."""
        ...


class Admission:
    """Admits requests by their cost.

    Args:
        loop: the event loop, or a simulated one.
        slo_s: the SLO, in seconds.
        batcher: runs the admitted rows.
    """

    def __init__(self, loop: Loop, slo_s: float, batcher: Batcher) -> None:
        self._long_s = slo_s * PASS_SHARE
        self._short_s = slo_s * SHORT_PASS_SHARE
        self._calm_s = slo_s * CALM_PASS_SHARE
        self._large_long_s = slo_s * LARGE_WAIT_SHARE
        self._large_calm_s = slo_s * CALM_LARGE_WAIT_SHARE
        self._floor_s = self._short_s * FLOOR_SHARE
        self._batcher = batcher
        self._queue = batcher.queue
        self._slice_rows = self._queue.slice_rows
        self._refused_share = 0.0
        self._refusing = 0.0
        self._allowance_s = self._calm_s
        self._spent_s = 0.0
        self._admitted = 0
        self._refused = 0
        self._refused_large = 0
        # The costs of rows in this pass: the first row of a request, and each further one, in the model and outside it.
        self._first_row_s = 0.0
        self._priced = False
        self._further_row_s = 0.0
        self._handle_row_s = FIRST_DECODE_ROW_S
        self._decode_row_s = FIRST_DECODE_ROW_S
        # The share of valid requests among those of many rows, and the time for a row of an invalid one.
        self._valid_share = 1.0
        self._reject_row_s = FIRST_REJECT_ROW_S
        # The part of the next batch that is still free for large requests, and the model's time for all of their rows.
        self._large_free_s = 0.0
        self._large_waiting_s = 0.0
        # The time that they may take, the numbers admitted and refused in this pass, and the recent share of refused ones.
        self._large_limit_s = self._large_calm_s
        self._admitted_large = 0
        self._refused_large = 0
        self._refused_large_share = 0.0
        # Time on the loop that was measured directly, in this pass, and in total until it began.
        self._measured_s = 0.0
        self._loop_before_s = 0.0
        self._meter = LoopMeter(loop, self._on_pass)
        self.request_s = FIRST_REQUEST_S
        """The learned cost of an admitted request, besides the model and further rows, in seconds."""
        self.refusal_s = FIRST_REQUEST_S * REFUSAL_SHARE
        """The learned cost of a refused request, in seconds."""

    def admit(self, rows: float = 1.0) -> bool:
        """Return whether a request of about this number of rows is admitted, and charge it. Called once for each request."""
        self._meter.arrival()
        cost_s = self.request_s + self._first_row_s
        if rows <= 1.0 and self._spent_s + cost_s <= self._allowance_s:  # most requests
            self._spent_s += cost_s
            self._admitted += 1
            return True
        if not self._priced:
            self._price()
        further_rows = max(rows - 1.0, 0.0)
        extra_s = further_rows * self._handle_row_s
        if rows > self._slice_rows:
            return self._admit_large(further_rows, cost_s, extra_s)
        extra_s += further_rows * self._further_row_s
        return self._charge(cost_s + extra_s, extra_s)

    def worked(self, seconds: float) -> None:
        """Report the time of decoding in this pass, so that it does not count as a fixed cost of its requests.

        Args:
            seconds: the time on the loop. A body that is decoded in slices is reported slice by slice.
        """
        self._measured_s += seconds

    def reuse(self, rows: int) -> None:
        """Take back the charge for rows of an admitted request that need not run, since a cache has their predictions."""
        reused_s = self._first_row_s if rows == 1 else min(rows, self._slice_rows) * self._further_row_s
        self._spent_s = max(self._spent_s - reused_s, 0.0)

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
        charged_s = self._first_row_s
        if not self._priced:
            self._price()
        if rows > 1.0:
            charged_s += (rows - 1.0) * self._handle_row_s
            charged_s += min(rows - 1.0, self._slice_rows) * self._further_row_s
        self._spent_s = max(self._spent_s - charged_s, 0.0) + seconds
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
        waiting_s = self._large_waiting_s
        turn_s = min(self._slice_rows * self._further_row_s, self._large_free_s)
        room_s = handling_s + turn_s if waiting_s else 0.0
        if waiting_s > own_s and handling_s + (waiting_s + model_s) * self._queue.large_stretch > self._large_limit_s:
            self._refused += 1
            self._refused_large += 1
            return False
        if not self._charge(cost_s + handling_s + turn_s, room_s):
            self._refused_large += 1
            return False
        self._admitted_large += 1
        self._large_free_s -= turn_s
        self._large_waiting_s += model_s
        return True

    def _charge(self, cost_s: float, room_s: float) -> bool:
        """Return whether a request is admitted, given its cost and the time of the pass that it must leave to single rows."""
        # A request that costs more than a whole pass is admitted if it is alone: otherwise it would never be admitted.
        if self._spent_s + cost_s + room_s <= self._allowance_s or (
            self._spent_s == 0.0 and self._allowance_s >= self._floor_s
        ):
            self._spent_s += cost_s
            self._admitted += 1
            return True
        self._refused += 1
        return False

    def _on_pass(self, length_s: float) -> None:
        """Learn from the previous pass, and set the allowance of this one."""
        n_admitted, n_refused = self._admitted, self._refused
        batcher, queue = self._batcher, self._queue
        loop_s = batcher.loop_total_s()
        if length_s > 0.0:
            self._learn(length_s, loop_s - self._loop_before_s + self._measured_s, n_admitted, n_refused)
        self._loop_before_s = loop_s
        self._measured_s = 0.0
        self._first_row_s = batcher.row_s()
        self._priced = False
        surplus_s = n_refused * self.refusal_s
        share = min(surplus_s / length_s, 1.0) if length_s > 0.0 else 0.0
        self._refusing += REFUSING_RATE * (share - self._refusing)
        budget_s = self._long_s - (self._long_s - self._short_s) * min(self._refusing / REFUSING_SHARE, 1.0)
        # Large requests are refused for the sake of small ones: that is not an overload, and passes need not be shorter.
        refused_small = n_refused - self._refused_large
        if n_admitted or refused_small:
            self._refused_share += CALM_RATE * (refused_small / (n_admitted + refused_small) - self._refused_share)
        budget_s += (self._calm_s - budget_s) * max(1.0 - self._refused_share / CALM_SHARE, 0.0)
        if large := self._admitted_large + self._refused_large:
            self._refused_large_share += CALM_RATE * (self._refused_large / large - self._refused_large_share)
            self._admitted_large = self._refused_large = 0
        self._allowance_s = max(budget_s - surplus_s, self._floor_s)
        if queue.rows:
            self._allowance_s -= queue.backlog_s()
        self._spent_s = 0.0
        self._admitted = 0
        self._refused = 0

    def _price(self) -> None:
        """Set the cost of further rows in this pass, and the allowance of large requests.

        Called only in a pass that has a request of many rows: most passes have none.
        """
        self._priced = True
        queue, valid = self._queue, self._valid_share
        self._slice_rows = queue.slice_rows
        self._further_row_s = valid * min(queue.sliced_row_s, self._first_row_s)
        answered_s = self._decode_row_s + self._batcher.answer_row_s
        self._handle_row_s = valid * answered_s + (1.0 - valid) * self._reject_row_s
        calm = max(1.0 - self._refused_large_share / CALM_SHARE, 0.0)
        self._large_limit_s = self._large_long_s + (self._large_calm_s - self._large_long_s) * calm
        self._large_free_s = max(queue.large_bound_s - queue.large_turn_s(), 0.0)
        self._large_waiting_s = queue.large_backlog_s()

    def _learn(self, length_s: float, measured_s: float, n_admitted: int, n_refused: int) -> None:
        """Move both costs towards explaining the pass: normalised least mean squares (Widrow and Hoff, 1960).

        Args:
            length_s: the duration of the pass.
            measured_s: the part of it that was measured directly.
            n_admitted: the number of requests that were admitted in it.
            n_refused: the number of requests that were refused in it.
        """
        expected_s = n_admitted * self.request_s + n_refused * self.refusal_s
        took_s = min(max(length_s - measured_s, 0.0), OUTLIER * expected_s)
        # Other work in a pass of few requests makes it longer, never shorter: a short one shows that they cost less.
        if n_admitted + n_refused < TELLING_REQUESTS and took_s >= expected_s:
            return
        weight = RATE * min(expected_s / self._short_s, 1.0)
        step = weight * (took_s - expected_s) / (n_admitted * n_admitted + n_refused * n_refused)
        self.request_s = max(self.request_s + step * n_admitted, LEAST_COST_S)
        self.refusal_s = min(max(self.refusal_s + step * n_refused, LEAST_COST_S), self.request_s)
