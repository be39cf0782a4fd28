"""The account of one model in the passes of the event loop: its charges, its costs, and its share."""

from __future__ import annotations

from typing import Protocol

CALM_RATE = 0.05
"""The learning rate of the share of refused requests: the weight of one pass."""


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

    def scale_times(self, ratio: float) -> None:
        """Shorten batches to a share of their usual length, for the sake of a model with a tighter SLO."""
        ...


class Account:
    """The numbers of one model that ``runners.loop_budget.LoopBudget`` settles at the end of each pass.

    Args:
        slo_s: the model's SLO, in seconds.
        batcher: runs the model's rows.
        request_s: the assumed cost of a request before anything was measured, in seconds; that of other models, if there are any.
    """

    __slots__ = (
        "__weakref__",
        "asked_s",
        "batcher",
        "cost_s",
        "demand",
        "first_row_s",
        "is_active",
        "is_light",
        "is_new",
        "is_priced",
        "n_admitted",
        "n_large",
        "n_refused",
        "n_refused_large",
        "own_limit_s",
        "pass_slo_s",
        "quota_s",
        "refused_large_share",
        "request_s",
        "seen_s",
        "share",
        "since_s",
        "slo_s",
        "turn",
        "wanted_s",
    )

    def __init__(self, slo_s: float, batcher: Batcher, request_s: float) -> None:
        self.slo_s = slo_s
        self.batcher = batcher
        self.request_s = request_s
        """The learned cost of an admitted request, besides the model and further rows, in seconds."""
        self.turn = -1
        """The turn of the loop in which the model last had a request; see ``runners.meter.LoopMeter.turn``."""
        self.first_row_s = 0.0
        """The cost of the first row of a request in this pass."""
        self.cost_s = 0.0
        """The cost of a request of one row in this pass."""
        self.is_priced = False
        """Whether the cost of further rows was set in this pass."""
        self.n_admitted = 0
        """The number of requests that were admitted in this pass."""
        self.n_refused = 0
        """The number of requests that were refused in this pass, of any size."""
        self.n_refused_large = 0
        """The number of large requests among them."""
        self.n_large = 0
        """The number of large requests in this pass."""
        self.is_active = False
        """Whether the model had a request lately."""
        self.since_s = 0.0
        """The time since which the model is active."""
        self.is_new = True
        """Whether it had no request yet."""
        self.seen_s = 0.0
        """The beginning of the last pass with a request of the model."""
        self.pass_slo_s = slo_s
        """The SLO for which its batches are short enough: its own, or a tighter one of another model."""
        self.quota_s = 0.0
        """The time that the model has left of its share: a bucket that is filled by time. 0 if it is the only model."""
        self.own_limit_s = 0.0
        """The length of this pass up to which its share may be used."""
        self.wanted_s = 0.0
        """The cost of its last refused request, if none was admitted since: the bucket may hold as much."""
        self.is_light = True
        """Whether its demand is below its fair share, so that all of it is kept."""
        self.share = 0.0
        """The share of all time that is kept for the model."""
        self.demand = 0.0
        """The seconds of work that were asked of the model for each second, refused requests included."""
        self.asked_s = 0.0
        """The work that was asked of the model since its demand was updated, without requests of one row that were admitted."""
        self.refused_large_share = 0.0
        """The recent share of refused requests among large ones."""

    def settle_large(self) -> None:
        """Learn from the large requests of a pass, and forget them."""
        refused_share = self.n_refused_large / self.n_large
        self.refused_large_share += CALM_RATE * (refused_share - self.refused_large_share)
        self.n_large = self.n_refused_large = 0
