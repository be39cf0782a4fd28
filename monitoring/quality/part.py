"""The part of the monitor that shows the live quality: ``GET /quality``, and its metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from monitoring.errors import RequestError
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.store import FeedbackStore
from monitoring.parameters import plain_number
from monitoring.part import Answer, MonitorPart
from monitoring.quality.arm_losses import LOSSES, RolloutArms
from monitoring.quality.measure import JoinedRows, ModelQuality, measure, read_joined
from monitoring.quality.windows import TIMES, Window, latest_window, read_window
from monitoring.records import ErrorDetail
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family, Series
from tabento.bundle.timestamp import timestamp_text

ROWS_LIMIT = 200_000
"""The largest number of truths of a version that a figure is about; the latest are used."""
CONFIDENCE = 0.95
LISTED_FAULTS = 20
"""The number of unknown parameters that an error lists."""
MOST_QUESTIONS = 8
"""The largest number of questions that wait; further ones are refused."""
ANSWER_S = 60.0
METRICS_S = 60.0
ARMS_S = 5.0
"""The seconds between two looks at the losses of a rollout: they can roll a challenger back."""
ARMS_SHARE = 0.05
"""The largest share of the time that these looks take; with many truths, they are rarer."""
LATEST_S = 600.0
"""The seconds after which the metrics are computed again although nothing was added: old truths leave the windows."""
CLOSE_S = 2.0
DEFAULT_WINDOW = "30d"
PARAMETERS = ("model", "version", "window", "since", "until", "by", "slices", "confidence")

LABELS = ("model", "version", "variant", "metric", "window")
QUALITY = Family(
    "tabento_live_quality",
    "max",
    "Live quality on the truths that became known in a window; only with at least quality_min_rows truths.",
    LABELS,
)
WORSE = Family(
    "tabento_live_quality_worse",
    "max",
    "1 if a metric of the window is worse than on the test part beyond chance, else 0.",
    LABELS,
)
ROWS = Family(
    "tabento_live_quality_rows", "max", "Truths behind the live quality of a window.", (*LABELS[:3], "window")
)

logger = logging.getLogger("monitoring.quality")

Estimates = Callable[[str], dict[str, Any]]


class QuestionWindow(msgspec.Struct):
    """The window of an answer."""

    text: str
    by: str
    since: str | None
    until: str | None


class FeedbackCounts(msgspec.Struct):
    """All truths of the store by their state."""

    joined: int
    waiting: int
    """Truths whose prediction is not known yet."""
    mismatches: int
    """Truths that do not fit the model that answered the row."""
    newest: str | None
    """The time at which the last truth arrived."""


class QualityAnswer(msgspec.Struct):
    """The answer to ``GET /quality``."""

    window: QuestionWindow
    confidence: float
    models: list[ModelQuality]
    feedback: FeedbackCounts
    estimates: dict[str, Any]
    """The quality that is estimated without truths, by model."""


class LiveQuality(MonitorPart):
    """Measures joined truths.

    Args:
        settings: the settings of monitoring.
        store: the store of feedback, for this part alone.
        clock: the Unix time in seconds.
    """

    name = "quality"
    questions = ("quality",)
    families = (QUALITY, WORSE, ROWS, LOSSES)

    def __init__(
        self, settings: MonitoringSettings, store: FeedbackStore, clock: Callable[[], float] = time.time
    ) -> None:
        self.extra: list[Estimates] = []
        """Return further figures of a model by its name, for ``estimates`` of the answer; called in a thread."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._executor = ThreadPoolExecutor(1, "quality")
        self._waiting = 0
        self._metrics: dict[str, Series] = {}
        self._update: Future[None] | None = None
        self._update_s = self._full_s = 0.0
        self._state: tuple[Any, ...] | None = None
        self._has_failed = False
        self._arms = RolloutArms()
        self._arm_losses: Series = {}
        self._arms_s = 0.0
        self._arms_pause_s = ARMS_S
        self._arms_state: tuple[Any, ...] | None = None

    def add_model(self, model: MonitoredModel) -> None:
        """Take another model version into account."""
        self._arms.add(model)
        self._arms_state = None

    def tick(self, now_s: float) -> None:
        """Compute the metrics again once a minute, and those of a rollout every few seconds, if truths were added."""
        is_idle = self._update is None or self._update.done()
        if is_idle and self._arms.has_challenger and not 0 <= now_s - self._arms_s < self._arms_pause_s:
            self._arms_s = now_s
            self._update = self._executor.submit(self._compute_arms)
        elif is_idle and not 0 <= now_s - self._update_s < METRICS_S:
            self._update_s = now_s
            self._update = self._executor.submit(self._compute_metrics, now_s)

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Measure the truths of a window.

        Raises:
            RequestError: a parameter is not valid, no model has the name, or the store cannot be used.
        """
        now_s = self._clock()
        ask = _read_question(query, now_s)
        if self._waiting >= MOST_QUESTIONS:
            raise RequestError("Too many questions about quality wait. Repeat later.", status=503)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._measure, ask)
        future.add_done_callback(self._forget_question)
        try:
            answer = await asyncio.wait_for(asyncio.shield(future), ANSWER_S)
        except (FeedbackStoreError, TimeoutError) as error:
            message = str(error) or "The store of feedback does not answer."
            raise RequestError(f"{message} Repeat the question later.", status=503) from None
        return Answer(msgspec.json.encode(answer))

    def numbers(self) -> dict[str, Series]:
        """Return the live quality of the windows of the settings, and the losses of rollouts."""
        return self._metrics | {LOSSES.name: self._arm_losses} if self._arms.has_challenger else self._metrics

    def close(self) -> None:
        """End the computation, within a few seconds."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        end_s = time.monotonic() + CLOSE_S
        for thread in list(self._executor._threads):
            thread.join(max(end_s - time.monotonic(), 0.0))
            if not thread.is_alive():
                self._store.close()

    def _forget_question(self, future: asyncio.Future[QualityAnswer]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # a late error of a question that was answered already is no news

    def _measure(self, question: _Question) -> QualityAnswer:
        """Answer a question, in the thread of the store."""
        parts = read_joined(self._store, question.window, ROWS_LIMIT, question.model, question.version)
        names = {model.name for model in self._store.models().values()}
        if question.model is not None and question.model not in names:
            raise RequestError(f"No model {question.model[:100]!r} has answered or got feedback here.", status=404)
        slice_rows = self._settings.quality_min_rows if question.slices else None
        models = [measure(part, question.confidence, slice_rows, self._settings.quality_slices) for part in parts]
        waiting, joined, mismatches = self._store.counts()
        newest_s = self._store.newest_s()
        window = question.window
        return QualityAnswer(
            QuestionWindow(window.text, window.by, _text(window.since_s), _text(window.until_s)),
            question.confidence,
            models,
            FeedbackCounts(joined, waiting, mismatches, None if newest_s is None else _text(newest_s)),
            self._estimates(sorted(names) if question.model is None else [question.model]),
        )

    def _estimates(self, names: Sequence[str]) -> dict[str, Any]:
        estimates: dict[str, Any] = {}
        for name in names:
            for source in self.extra:
                try:
                    figures = source(name)
                except Exception:
                    logger.exception("the estimates of %s failed", name)
                else:
                    if figures:
                        estimates.setdefault(name, {}).update(figures)
        return estimates

    def _compute_metrics(self, now_s: float) -> None:
        """Compute the metrics of all windows, in the thread of the store."""
        try:
            state = (self._store.counts(), self._store.newest_s())
            if state == self._state and 0 <= now_s - self._full_s < LATEST_S:
                return
            metrics: dict[str, Series] = {family.name: {} for family in (QUALITY, WORSE, ROWS)}
            for text in self._settings.quality_windows:
                for rows in read_joined(self._store, latest_window(text, TIMES[0], now_s), ROWS_LIMIT):
                    self._add_metrics(metrics, rows, text)
            self._metrics, self._state, self._full_s, self._has_failed = metrics, state, now_s, False
        except FeedbackStoreError as error:
            if not self._has_failed:
                logger.warning("live quality is not computed: %s", error)
            self._has_failed = True
        except Exception:
            logger.exception("live quality is not computed")

    def _compute_arms(self) -> None:
        """Compute the losses of rollouts, in the thread of the store."""
        try:
            state = (self._store.counts(), self._store.newest_s())
            if state != self._arms_state:
                start_s = time.monotonic()
                self._arm_losses, self._arms_state = self._arms.losses(self._store), state
                self._arms_pause_s = max(ARMS_S, (time.monotonic() - start_s) / ARMS_SHARE)
        except FeedbackStoreError as error:
            if not self._has_failed:
                logger.warning("the losses of the rollout are not computed: %s", error)
            self._has_failed = True
        except Exception:
            logger.exception("the losses of the rollout are not computed")

    def _add_metrics(self, metrics: dict[str, Series], rows: JoinedRows, window: str) -> None:
        quality = measure(rows, CONFIDENCE)
        labels = (quality.model, quality.version, quality.variant)
        metrics[ROWS.name][*labels, window] = float(quality.rows)
        for target in quality.targets:
            if target.rows < self._settings.quality_min_rows:
                continue
            prefix = f"{target.name}." if rows.model.several else ""
            for name, figure in target.metrics.items():
                key = (*labels, prefix + name, window)
                metrics[QUALITY.name][key] = figure.value
                if figure.verdict is not None:
                    metrics[WORSE.name][key] = float(figure.verdict == "worse")


class _Question(msgspec.Struct):
    window: Window
    model: str | None
    version: str | None
    slices: bool
    confidence: float


def _read_question(query: dict[str, str], now_s: float) -> _Question:
    faults = [
        ErrorDetail(None, name[:100], "one of " + ", ".join(PARAMETERS), "an unknown parameter")
        for name in query
        if name not in PARAMETERS
    ][:LISTED_FAULTS]
    slices = query.get("slices", "true").lower()
    if slices not in ("true", "false"):
        faults.append(ErrorDetail(None, "slices", "true or false", slices[:100]))
    confidence = CONFIDENCE
    if "confidence" in query:
        confidence = plain_number(query["confidence"])
    if not 0.5 <= confidence <= 0.9999:
        faults.append(ErrorDetail(None, "confidence", "a number from 0.5 to 0.9999", query["confidence"][:100]))
    if faults:
        raise RequestError("The question is not valid.", details=faults)
    window = read_window(query, DEFAULT_WINDOW, now_s)
    return _Question(window, query.get("model"), query.get("version"), slices == "true", confidence)


def _text(seconds: float) -> str | None:
    """Return a time as text, to the second; None if it is infinite."""
    return None if seconds in (float("-inf"), float("inf")) else timestamp_text(float(int(seconds)))
