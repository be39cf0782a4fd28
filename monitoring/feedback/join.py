"""The join of truths with predictions, at once when truths arrive and again later for those that had to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.feedback.answered_model import AnsweredModel
from monitoring.feedback.predictions import Prediction, Predictions
from monitoring.feedback.store import FeedbackStore, JoinedTruth, Mismatch, WaitingTruth

TRUTHS_PER_ROUND = 5_000

RETRIES = ((60.0, 2.0), (3_600.0, 30.0), (86_400.0, 600.0), (float("inf"), 21_600.0))
"""Truths up to an age in seconds, and the seconds between two looks for their predictions."""


@dataclass(frozen=True, slots=True)
class JoinResult:
    """The result of one look for predictions."""

    joined: int = 0
    """The number of truths that have a prediction now and fit its model."""
    mismatches: tuple[Mismatch, ...] = ()
    waiting: int = 0
    """The number of truths whose prediction is still unknown."""


class Joiner:
    """Joins truths with predictions. All methods are called from the thread of the store.

    Args:
        store: the store of feedback.
        predictions: the rows that can be matches.
    """

    def __init__(self, store: FeedbackStore, predictions: Predictions) -> None:
        self._store = store
        self._predictions = predictions
        self._ids: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._due_s = [0.0] * len(RETRIES)

    def register(self, model: AnsweredModel) -> None:
        """Store a model version, so that its truths can be joined also after a restart."""
        self._ids[model.key] = self._store.model_id(model)

    def join(self, truths: Sequence[WaitingTruth]) -> JoinResult:
        """Join truths whose predictions are known.

        Raises:
            FeedbackStoreError: the store cannot be used; the truths wait.
        """
        if not truths:
            return JoinResult()
        stored = self._store.models()
        models = {(model.name, model.version): model for model in stored.values()}
        self._ids = {model.key: number for number, model in stored.items()}
        matches = self._predictions.find([(truth.request_id, truth.row) for truth in truths], models)
        rows: list[JoinedTruth] = []
        shadows: list[JoinedTruth] = []
        mismatches: list[Mismatch] = []
        for truth in truths:
            predictions = matches.get((truth.request_id, truth.row))
            if not predictions:
                continue
            shadows += [self._row(truth, prediction) for prediction in predictions[1:]]
            row = self._row(truth, predictions[0])
            rows.append(row)
            if row.actual is None:
                mismatches.append(Mismatch(truth.request_id, truth.row, predictions[0].model.expected()))
        self._store.join(rows, shadows)
        return JoinResult(len(rows) - len(mismatches), tuple(mismatches), len(truths) - len(rows))

    def join_waiting(self, now_s: float) -> list[JoinResult]:
        """Look again for the predictions of waiting truths that are due: often for new truths, rarely for old ones.

        Args:
            now_s: the Unix time in seconds.
        """
        results = []
        younger_s = 0.0
        for index, (age_s, interval_s) in enumerate(RETRIES):
            # A clock that was set back must not stop the retries.
            if now_s >= self._due_s[index] or self._due_s[index] > now_s + interval_s:
                self._due_s[index] = now_s + interval_s
                # The first range includes truths that arrived "later" than now, before the clock was set back.
                until_s = float("inf") if index == 0 else now_s - younger_s
                results += self._join_range(max(now_s - age_s, 0.0), until_s)
            younger_s = age_s
        return results

    def _join_range(self, since_s: float, until_s: float) -> list[JoinResult]:
        results: list[JoinResult] = []
        after = (-1.0, "", -1)
        while True:
            truths = self._store.waiting(since_s, until_s, TRUTHS_PER_ROUND, after)
            if not truths:
                return results
            results.append(self.join(truths))
            last = truths[-1]
            after = (last.received_s, last.request_id, last.row)

    def _row(self, truth: WaitingTruth, prediction: Prediction) -> JoinedTruth:
        model = prediction.model
        if model.key not in self._ids:
            self.register(model)
        actual = model.actual(truth.text)
        return JoinedTruth(
            truth.request_id,
            truth.row,
            truth.text,
            self._ids[model.key],
            prediction.variant,
            prediction.time_s,
            prediction.answer.tobytes(),
            prediction.codes.tobytes(),
            None if actual is None else actual.tobytes(),
        )
