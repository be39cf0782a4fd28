"""The challenger's work in the shadow: it answers the rows that the champion has answered, in time of the event loop that is free.

A champion's answer is sent first; then its rows are offered here. They wait in a bounded queue, and are dropped and counted if it is
full: under load no time is free, the queue fills, and the champion keeps the loop. Every few milliseconds one batch of waiting rows is
run, as large as the free time allows (``runners.spare_time``).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from rollout.shadow.batch import ShadowBatch, ShadowRequest, run_requests
from runners.batch import Model
from runners.clock import Loop, Offload, Timer
from runners.costs import BatchCosts
from runners.spare_time import PIECE_SHARE
from runners.work import Values

logger = logging.getLogger("tabento.rollout")

PAUSE_S = 0.02
"""The seconds between two batches: larger batches cost less for each row."""
REQUEST_MAX_ROWS = 256
"""The rows of one request that are compared at most; the further ones are dropped."""
MAX_BYTES = 16 * 1024 * 1024
"""The bytes of rows that wait at most: rows with texts can be long."""
COMPARE_FIRST, COMPARE_EVERY = 24, 16
"""The champion's model runs the first batches, and later one of this number, as well: so that the costs of both are compared on the same
rows, under the same load."""
USUAL_ROWS = 64
"""The rows for whose time a batch waits."""
MODEL_SHARE = 0.5
"""The part of a batch's time that is the model's, before anything was measured."""


class FreeTime(Protocol):
    """The part of ``runners.spare_time.SpareTime`` that the shadow needs."""

    slo_s: float
    """The tightest SLO of the models that have requests, in seconds."""

    def seconds(self) -> float:
        """Return the seconds on the loop that no request needs now."""
        ...

    def take(self, seconds: float) -> bool:
        """Return whether work of some predicted seconds may run now, and charge it."""
        ...

    def call_when_free(self, callback: Callable[[], object], need_s: float = 0.0) -> None:
        """Call a function once, in a turn of the loop in which there is spare time."""
        ...


class Champion(Protocol):
    """The part of the champion's ``runners.batcher.MicroBatcher`` that the shadow reads."""

    batch_s: float
    """The seconds of the batch whose requests are being answered."""


class Shadow:
    """Runs the challenger on the champion's rows; the observer of the champion (``serving.live_model.Observer``).

    Args:
        model: the challenger's graph.
        champion_model: the champion's graph.
        costs: the challenger's learned batch times.
        champion: the champion's batcher.
        loop: the event loop, or a simulated one.
        offload: runs batches in a thread that are too expensive for the loop.
        free_time: the time of the loop that no request needs.
        recode: converts the champion's packed rows for the challenger; None if they are equal.
        compare: receives each batch.
        max_rows: the largest number of rows that wait.
        inline_s: a batch that is predicted to take longer runs in the thread.
    """

    def __init__(
        self,
        model: Model,
        champion_model: Model,
        costs: BatchCosts,
        champion: Champion,
        loop: Loop,
        offload: Offload,
        free_time: FreeTime,
        recode: Callable[[bytes, int], bytes] | None,
        compare: Callable[[ShadowBatch], object],
        max_rows: int,
        inline_s: float,
    ) -> None:
        self._model = model
        self._champion_model = champion_model
        self._model_costs = costs
        self._champion = champion
        self._loop = loop
        self._offload = offload
        self._free_time = free_time
        self._recode = recode
        self._compare = compare
        self._max_rows = max_rows
        self._inline_s = inline_s
        # The time of whole batches of the shadow: with the conversion of rows and the comparison.
        self._costs = BatchCosts(max_rows)
        self._has_costs = False
        self._queue: deque[ShadowRequest] = deque()
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._timer: Timer | None = None
        self._n_batches = 0
        self._in_thread = False
        self._stopped = False
        self._is_asking = False
        self.dropped_rows = 0
        """The number of rows that were not compared, for lack of time."""
        self.taken_s = 0.0
        """The seconds that the shadow has taken."""

    @property
    def waiting_rows(self) -> int:
        """The number of rows that wait."""
        return self._waiting_rows

    def count_answer(
        self, data: bytes, count: int, values: Values, request_id: bytes, latency_s: float, from_cache: bool = False
    ) -> None:
        """Take the rows of an answered request, or drop those for which there is no room.

        Args:
            data: the packed rows, float64 of shape (N, F).
            count: N.
            values: the champion's answers.
            request_id: the id of the request.
            latency_s: the seconds of the champion's answer.
            from_cache: whether a cache has answered a row, so that the last batch was not this request's.
        """
        room = min(self._max_rows - self._waiting_rows, REQUEST_MAX_ROWS)
        if room <= 0 or self._stopped or self._waiting_bytes >= MAX_BYTES:
            self.dropped_rows += count
            return
        if count > room:
            self.dropped_rows += count - room
            data, values, count = data[: len(data) // count * room], values[:room], room
        batch_s = 0.0 if from_cache else self._champion.batch_s
        self._queue.append(ShadowRequest(data, count, values, request_id, latency_s, batch_s))
        self._waiting_rows += count
        self._waiting_bytes += len(data)
        if self._timer is None:
            self._arrange()

    def count_error(self, status: int) -> None:
        """Do nothing: rows that the champion has not answered cannot be compared."""

    def stop(self) -> None:
        """Forget the rows that wait, and take no more."""
        self._stopped = True
        self.dropped_rows += self._waiting_rows
        self._queue.clear()
        self._waiting_rows = self._waiting_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arrange(self) -> None:
        """Ask for the next batch's time after a pause, if rows wait."""
        if self._queue and self._timer is None and not (self._is_asking or self._in_thread or self._stopped):
            self._timer = self._loop.call_later(PAUSE_S, self._ask)

    def _ask(self) -> None:
        self._timer = None
        if not self._stopped:
            self._is_asking = True
            # A few rows alone would cost nearly as much as many.
            several_s = min(self._predict(min(self._waiting_rows, USUAL_ROWS)), PIECE_SHARE * self._free_time.slo_s)
            self._free_time.call_when_free(self._run, max(self._predict(1), several_s))

    def _run(self) -> None:
        """Run one batch that fits into the free time."""
        self._is_asking = False
        if self._stopped or not self._queue:
            return
        try:
            self._run_within(self._free_time.seconds())
        finally:
            self._arrange()

    def _run_within(self, limit_s: float) -> None:
        if limit_s <= 0.0:
            return
        if self._has_costs:
            limit = self._costs.rows_within(limit_s, self._waiting_rows)
        else:
            limit = self._model_costs.rows_within(limit_s * MODEL_SHARE, self._waiting_rows)
        predicted_s = self._predict(limit)
        # More than the free time is predicted only for a single row: the thread runs it.
        in_thread = predicted_s > min(limit_s, self._inline_s)
        if not self._free_time.take(limit_s if predicted_s > limit_s else predicted_s):
            return
        requests = self._take(limit)
        rows = sum(request.n_rows for request in requests)
        if in_thread:
            self._run_in_thread(requests, rows)
            return
        started_s = self._loop.time()
        batch = self._answer(requests, rows)
        self._compare(batch)
        self._learn(rows, self._loop.time() - started_s - (batch.champion_s or 0.0))

    def _predict(self, rows: int) -> float:
        return self._costs.predict(rows) if self._has_costs else self._model_costs.predict(rows)

    def _take(self, limit: int) -> list[ShadowRequest]:
        """Take the rows of the next batch; a request that does not fit is cut, and its other rows stay first in the queue."""
        requests: list[ShadowRequest] = []
        rows = 0
        while self._queue and rows < limit:
            request = self._queue.popleft()
            room = limit - rows
            if request.n_rows > room:
                cut = len(request.data) // request.n_rows * room
                rest = request._replace(data=request.data[:cut], values=request.values[:room], n_rows=room)
                # The further rows of the request are dropped: the index of a row in its request stays certain.
                self.dropped_rows += request.n_rows - room
                self._waiting_rows -= request.n_rows - room
                self._waiting_bytes -= len(request.data) - cut
                request = rest
            requests.append(request)
            rows += request.n_rows
            self._waiting_bytes -= len(request.data)
        self._waiting_rows -= rows
        return requests

    def _answer(self, requests: list[ShadowRequest], rows: int) -> ShadowBatch:
        """Return the requests with the challenger's answers."""
        recode = self._recode
        data = [request.data if recode is None else recode(request.data, request.n_rows) for request in requests]
        counts = [request.n_rows for request in requests]
        number = self._n_batches
        self._n_batches += 1
        is_compared = number < COMPARE_FIRST or number % COMPARE_EVERY == 0
        champion_s = None
        # The first of both finds colder caches, so they take turns.
        champion_first = number // COMPARE_EVERY % 2 == number % 2
        if is_compared and champion_first:
            champion_s = self._time_champion(requests, counts)
        started_s = self._loop.time()
        answers = run_requests(self._model, data, counts)
        seconds = self._loop.time() - started_s
        if is_compared and not champion_first:
            champion_s = self._time_champion(requests, counts)
        return ShadowBatch(requests, data, answers, seconds, rows, champion_s, champion_first)

    def _time_champion(self, requests: list[ShadowRequest], counts: list[int]) -> float:
        """Return the seconds of the champion's model for the rows of a batch."""
        started_s = self._loop.time()
        run_requests(self._champion_model, [request.data for request in requests], counts)
        return self._loop.time() - started_s

    def _run_in_thread(self, requests: list[ShadowRequest], rows: int) -> None:
        def finish(batch: ShadowBatch | None, error: BaseException | None) -> None:
            self._in_thread = False
            if self._stopped:
                return
            if batch is None:
                logger.error("the thread that ran a batch of the shadow failed: %r", error)
            else:
                self._learn(rows, batch.seconds)
                self._compare(batch)
            self._arrange()

        self._in_thread = True
        try:
            self._offload(lambda: self._answer(requests, rows), finish)
        except Exception as error:
            finish(None, error)

    def _learn(self, rows: int, seconds: float) -> None:
        self.taken_s += seconds
        self._costs.observe(rows, seconds)
        self._has_costs = True
