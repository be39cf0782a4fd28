"""Predictions that truths are joined with: the latest ones in memory, and all others from the prediction log."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.feedback.answered_model import AnsweredModel
from monitoring.feedback.slicing import Codes, logged_codes, slice_codes
from monitoring.rows import PredictedRows
from tabento.bundle.timestamp import timestamp_seconds

RowKey = tuple[str, int]
"""The request id and the index of the row."""
LoggedRecord = Mapping[str, Any]
"""A record of the prediction log, see docs/prediction-log.md."""
FindLoggedRows = Callable[[Iterable[RowKey]], Mapping[RowKey, Sequence[LoggedRecord]]]
"""Looks for rows in the prediction log; the champion's record of a row comes first."""
CHALLENGER = "challenger"

logger = logging.getLogger("monitoring.feedback")


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answered row."""

    model: AnsweredModel
    variant: str
    time_s: float
    answer: NDArray[np.float64]
    """The answer, shape (W,)."""
    codes: Codes
    """The codes of the row's slices, shape (S,)."""


def logged_prediction(record: Mapping[str, Any], model: AnsweredModel) -> Prediction | None:
    """Return a record of the prediction log as a prediction; None if its answer is not an answer of the model version.

    Args:
        record: a record of a row, see docs/prediction-log.md.
        model: the version that the record names.
    """
    time_s = timestamp_seconds(record["time"])
    answer = model.answer(record.get("prediction"), record.get("probabilities"))
    if time_s is None or answer is None:
        return None
    codes = logged_codes(model.slices, record.get("features", {}), record.get("private", {}))
    return Prediction(model, str(record["variant"]), time_s, answer, codes)


@dataclass(slots=True)
class _Batch:
    model: AnsweredModel
    variant: str
    request_ids: list[str]
    row_numbers: NDArray[np.int32]
    times_s: NDArray[np.float64]
    answers: NDArray[np.float64]
    codes: Codes
    index: dict[RowKey, int] | None = field(default=None)

    def find(self, key: RowKey) -> Prediction | None:
        if self.index is None:
            # Only a batch that is asked for pays for its index.
            keys = zip(self.request_ids, self.row_numbers.tolist(), strict=True)
            self.index = {key: position for position, key in enumerate(keys)}
        position = self.index.get(key)
        if position is None:
            return None
        return Prediction(
            self.model, self.variant, float(self.times_s[position]), self.answers[position], self.codes[position]
        )


class RecentPredictions:
    """The latest predicted rows, so that a truth that comes at once is joined at once, and also if there is no log.

    Rows are added by one thread and looked for by another.

    Args:
        limit: the largest number of rows; the oldest rows are forgotten.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._batches: deque[_Batch] = deque()
        self._lock = threading.Lock()

    def add(self, rows: PredictedRows, model: AnsweredModel) -> None:
        """Add the rows of one batch."""
        if not self._limit or not rows.count:
            return
        batch = _Batch(
            model,
            rows.model.variant,
            rows.request_ids,
            rows.row_numbers,
            rows.times_s,
            np.asarray(rows.answers, np.float64).reshape(rows.count, -1),
            slice_codes(model.slices, rows.model.contract, rows.numbers),
        )
        with self._lock:
            self._batches.append(batch)
            self._count += rows.count
            while self._count > self._limit and len(self._batches) > 1:
                self._count -= len(self._batches.popleft().request_ids)

    def find(self, keys: Collection[RowKey]) -> dict[RowKey, list[Prediction]]:
        """Return the rows that are known; of a repeated request id, the latest row.

        A row that a challenger answered in the shadow has two predictions, the champion's first: it is the one that the client got.
        """
        with self._lock:
            batches = list(self._batches)
        result: dict[RowKey, list[Prediction]] = {}
        for is_challenger in (False, True):
            missing = set(keys)
            for batch in reversed(batches):
                if not missing:
                    break
                if (batch.variant == CHALLENGER) is is_challenger:
                    matches = {key: match for key in missing if (match := batch.find(key)) is not None}
                    missing -= matches.keys()
                    for key, match in matches.items():
                        result.setdefault(key, []).append(match)
        return result


class Predictions:
    """All predictions that can be found: the recent ones, then those of the log.

    Args:
        recent: the latest rows.
        find_logged: looks in the prediction log; None if there is no log.
    """

    def __init__(self, recent: RecentPredictions, find_logged: FindLoggedRows | None) -> None:
        self._recent = recent
        self._find_logged = find_logged
        self.log_failures = 0
        """The number of times that the log could not be read."""

    def find(
        self, keys: Collection[RowKey], models: Mapping[tuple[str, str], AnsweredModel]
    ) -> dict[RowKey, list[Prediction]]:
        """Return the predictions of rows, the one that the client got first. A row that nobody knows, or whose model version nobody
        knows, is omitted.

        Args:
            keys: the rows.
            models: all model versions, by name and version.
        """
        matches = self._recent.find(keys)
        missing = [key for key in keys if key not in matches]
        if not missing or self._find_logged is None:
            return matches
        try:
            records = self._find_logged(missing)
            for key, answers in records.items():
                for record in answers:
                    model = models.get((record["model"], record["version"]))
                    prediction = None if model is None else logged_prediction(record, model)
                    if prediction is not None:
                        matches.setdefault(key, []).append(prediction)
        except Exception:
            # A damaged or unreachable log must not lose a truth: it waits, and is looked for again.
            self.log_failures += 1
            if self.log_failures == 1:
                logger.exception("the prediction log could not be searched; the truths wait")
        return matches
