"""Rows for retraining: logged rows whose truth is known. It is the only module of monitoring that training imports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.reader import read_feedback
from monitoring.log.reader import find_rows

BATCH = 50_000
"""The number of truths whose rows are looked up at once."""


class RowsError(Exception):
    """The rows cannot be read."""


@dataclass
class RowCounts:
    """The number of truths by their use."""

    usable: int = 0
    not_logged: int = 0
    """Truths whose row is not in the log, or belongs to another model."""
    private: int = 0
    """Truths whose row has a feature that the log drops or hashes."""

    def in_words(self) -> str:
        """Return the counts for messages."""
        return (
            f"{self.usable:,} rows with a truth; not used: {self.not_logged:,} that the log does not have and"
            f" {self.private:,} with private features"
        )


def read_training_rows(
    log: str | Path, feedback: str | Path, model: str, features: tuple[str, ...], since_s: float = -math.inf
) -> tuple[list[dict[str, Any]], list[Any], RowCounts]:
    """Return the features and the truths of rows whose truth became known since a time, in the order of the truths.

    A row with several requests of the same id is the latest one, and a corrected truth is the latest one.

    Args:
        log: the folder of the prediction log, or its URL.
        feedback: the monitoring folder, a file of ``tabento feedback list``, or the URL of a Postgres.
        model: the name of the model.
        features: the names of the features that a row must have.
        since_s: the Unix time in seconds.

    Raises:
        RowsError: there is no such store or file, the store cannot be used, or a line of the file is not a truth.
    """
    try:
        return _read(log, feedback, model, features, since_s)
    except (FileNotFoundError, FeedbackStoreError, ValueError) as error:
        raise RowsError(str(error)) from error


def _read(
    log: str | Path, feedback: str | Path, model: str, features: tuple[str, ...], since_s: float
) -> tuple[list[dict[str, Any]], list[Any], RowCounts]:
    counts = RowCounts()
    rows: list[dict[str, Any]] = []
    truths: list[Any] = []
    for record, truth in _join(log, feedback, since_s):
        if record is None or record["model"] != model or "features" not in record:
            counts.not_logged += 1
        elif not record.get("private", {}).keys().isdisjoint(features) or not record["features"].keys() >= set(
            features
        ):
            counts.private += 1
        else:
            counts.usable += 1
            rows.append({name: record["features"][name] for name in features})
            truths.append(truth)
    return rows, truths, counts


def _join(log: str | Path, feedback: str | Path, since_s: float) -> Iterator[tuple[dict[str, Any] | None, Any]]:
    truths = read_feedback(feedback, since_s=since_s)
    while items := list(islice(truths, BATCH)):
        records = find_rows(log, [(item["request_id"], item["row"]) for item in items])
        for item in items:
            yield records.get((item["request_id"], item["row"])), item["truth"]
