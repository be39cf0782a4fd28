"""The part of the monitor that takes feedback: ``POST /feedback``.

The event loop of the monitor does no work on the store: one thread stores truths, joins them and looks again for the predictions
of those that wait.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from monitoring.errors import RequestError
from monitoring.feedback.answered_model import AnsweredModel, answered_model
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.join import Joiner, JoinResult
from monitoring.feedback.predictions import FindLoggedRows, Predictions, RecentPredictions
from monitoring.feedback.store import FeedbackStore, WaitingTruth
from monitoring.feedback.truths import read_truths
from monitoring.part import Answer, MonitorPart
from monitoring.records import PartHealth
from monitoring.rows import MonitoredModel, PredictedRows
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family, Series

MOST_REQUESTS = 32
"""The largest number of requests that wait for the store; further ones are refused."""
MOST_WAITING = 1_000_000
"""The largest number of stored truths without a prediction, about 100 MB: made-up request ids cannot fill the disk. The oldest are
deleted beyond it."""
ANSWER_S = 20.0
"""The seconds within which a request is answered; the store may hang for longer."""
LISTED_MISMATCHES = 20
MODEL_RETRY_S = 5.0
CLEAN_S = 3_600.0
COUNT_S = 5.0
CLOSE_S = 2.0
DAY_S = 86_400.0

FEEDBACK = Family(
    "tabento_feedback",
    "counter",
    "Truths by result: new, duplicate, correction, outdated, joined, mismatch, expired; and requests: refused (not valid),"
    " unavailable (the store failed).",
    ("result",),
)
WAITING = Family("tabento_feedback_waiting", "max", "Truths whose prediction is not known yet.")
NEWEST = Family("tabento_feedback_newest_seconds", "max", "The Unix time at which the last truth arrived.")

logger = logging.getLogger("monitoring.feedback")


class ListedMismatch(msgspec.Struct):
    """A truth that does not fit the model that answered its row."""

    request_id: str
    row: int
    expected: str


class FeedbackAnswer(msgspec.Struct):
    """The answer to ``POST /feedback``. ``new``, ``duplicates``, ``corrections`` and ``outdated`` add up to ``received``."""

    received: int
    new: int
    duplicates: int
    """Truths that were stored already."""
    corrections: int
    """Truths that replaced another one."""
    outdated: int
    """Truths that became known before the stored one; the stored one stays."""
    joined: int
    """Truths whose prediction was found at once."""
    waiting: int
    """Truths whose prediction is not known yet; the service looks for it again."""
    mismatches: list[ListedMismatch]
    """Truths that are stored but do not fit the model, at most 20."""


class Feedback(MonitorPart):
    """Stores truths and joins them with predictions.

    Args:
        settings: the settings of monitoring.
        store: the store of feedback, for this part alone.
        find_logged: looks for rows in the prediction log; None if there is no log.
        is_private: returns whether a field of a model is private and so has no slices.
        clock: the Unix time in seconds.
    """

    name = "feedback"
    questions = ("feedback",)
    families = (FEEDBACK, WAITING, NEWEST)

    def __init__(
        self,
        settings: MonitoringSettings,
        store: FeedbackStore,
        find_logged: FindLoggedRows | None = None,
        is_private: Callable[[MonitoredModel, str], bool] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._store = store
        self._recent = RecentPredictions(settings.feedback_recent_rows)
        self._joiner = Joiner(store, Predictions(self._recent, find_logged))
        self._is_private = is_private
        self._clock = clock
        self._executor = ThreadPoolExecutor(1, "feedback")
        self._models: dict[MonitoredModel, AnsweredModel] = {}
        self._unregistered: list[AnsweredModel] = []
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter()
        self._waiting = 0
        self._most_waiting = MOST_WAITING
        self._newest_s: float | None = None
        self._fault: str | None = None
        self._requests = 0
        self._upkeep: Future[None] | None = None
        self._register_s = self._clean_s = self._count_s = 0.0

    def add_model(self, model: MonitoredModel) -> None:
        """Describe another model version; it is stored at the next tick."""
        check = self._is_private
        description = answered_model(model, is_private=None if check is None else lambda field: check(model, field))
        self._models[model] = description
        self._unregistered.append(description)

    def add_rows(self, rows: PredictedRows) -> None:
        """Keep the rows in memory for truths that come soon."""
        self._recent.add(rows, self._models[rows.model])

    def tick(self, now_s: float) -> None:
        """Start the upkeep of the store, if the last one has ended."""
        if self._upkeep is None or self._upkeep.done():
            self._upkeep = self._executor.submit(self._keep_up, now_s)

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Store the truths of a request; they are on the disk when the request is answered.

        Raises:
            RequestError: the request is not valid, or the store cannot be used: 503, and the request can be repeated.
        """
        if self._requests >= MOST_REQUESTS:
            self._count(unavailable=1)
            raise RequestError("Too many requests with feedback wait for the store. Repeat later.", status=503)
        self._requests += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, self._take, content, self._clock())
        future.add_done_callback(self._forget_request)
        try:
            # A request that takes too long is stored nevertheless; the client repeats it and gets duplicates.
            answer = await asyncio.wait_for(asyncio.shield(future), ANSWER_S)
        except RequestError:
            self._count(refused=1)
            raise
        except (FeedbackStoreError, TimeoutError) as error:
            self._count(unavailable=1)
            message = str(error) or "The store of feedback does not answer."
            raise RequestError(
                f"{message} Repeat the request later: truths are never stored twice.", status=503
            ) from None
        return Answer(msgspec.json.encode(answer))

    def numbers(self) -> dict[str, Series]:
        """Return the counts by result, the waiting truths and the time of the last one."""
        with self._lock:
            results: Series = {(result,): float(count) for result, count in self._results.items()}
        numbers: dict[str, Series] = {FEEDBACK.name: results, WAITING.name: {(): float(self._waiting)}}
        if self._newest_s is not None:
            numbers[NEWEST.name] = {(): self._newest_s}
        return numbers

    def health(self) -> PartHealth | None:
        """Return whether the store can be used."""
        fault = self._fault
        return PartHealth(
            self.name, "healthy" if fault is None else "degraded", fault or "The store of feedback works."
        )

    def close(self) -> None:
        """Finish the requests that wait for the store, within a few seconds."""
        self._executor.shutdown(wait=False, cancel_futures=False)
        end_s = time.monotonic() + CLOSE_S
        for thread in list(self._executor._threads):
            thread.join(max(end_s - time.monotonic(), 0.0))
            if not thread.is_alive():
                self._store.close()

    def _forget_request(self, future: asyncio.Future[FeedbackAnswer]) -> None:
        self._requests -= 1
        if not future.cancelled():
            future.exception()  # a late error of a request that was answered already is no news

    def _count(self, **counts: int) -> None:
        with self._lock:
            self._results.update(counts)

    def _take(self, content: bytes, received_s: float) -> FeedbackAnswer:
        """Read, store and join the truths of a request, in the thread of the store."""
        truths = read_truths(content, received_s, self._settings.feedback_max_truths)
        try:
            self._register()
            additions = self._store.add(truths, received_s)
        except FeedbackStoreError as error:
            self._fault = str(error)
            raise
        self._fault = None
        self._newest_s = received_s
        result = self._join([WaitingTruth(*truth.key, truth.text, received_s) for truth in additions.waiting])
        mismatches = [*additions.mismatches, *result.mismatches]
        self._count(
            new=additions.new,
            duplicate=additions.duplicate,
            correction=additions.correction,
            outdated=additions.outdated,
            joined=result.joined,
            mismatch=len(mismatches),
        )
        listed = [ListedMismatch(item.request_id, item.row, item.expected) for item in mismatches]
        return FeedbackAnswer(
            len(truths),
            additions.new,
            additions.duplicate,
            additions.correction,
            additions.outdated,
            result.joined,
            result.waiting,
            listed[:LISTED_MISMATCHES],
        )

    def _join(self, truths: Sequence[WaitingTruth]) -> JoinResult:
        """Join the truths of a request. They are stored: if the join fails now, it is repeated later."""
        try:
            return self._joiner.join(truths)
        except FeedbackStoreError as error:
            self._fault = str(error)
            return JoinResult(waiting=len(truths))

    def _register(self) -> None:
        while self._unregistered:
            self._joiner.register(self._unregistered[0])
            del self._unregistered[0]

    def _keep_up(self, now_s: float) -> None:
        """Store new model versions, join waiting truths, delete old ones and count, in the thread of the store."""
        try:
            if self._fault is not None and 0 <= now_s - self._register_s < MODEL_RETRY_S:
                return
            self._register_s = now_s
            self._register()
            for result in self._joiner.join_waiting(now_s):
                self._count(joined=result.joined, mismatch=len(result.mismatches))
            if not 0 <= now_s - self._clean_s < CLEAN_S:
                self._clean_s = now_s
                self._count(expired=self._store.delete_before(now_s - self._settings.feedback_days * DAY_S))
            if not 0 <= now_s - self._count_s < COUNT_S:
                self._count_s = now_s
                self._waiting = self._store.counts()[0]
                if self._waiting > self._most_waiting:
                    self._count(expired=self._store.delete_waiting(self._most_waiting))
                self._newest_s = self._store.newest_s()
            self._fault = None
        except FeedbackStoreError as error:
            if self._fault is None:
                logger.warning("feedback cannot be stored: %s", error)
            self._fault = str(error)
        except Exception:
            logger.exception("the upkeep of feedback failed")
