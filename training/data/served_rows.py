"""New training rows from a service: its prediction log joined with the truths of its feedback, as a CSV file."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from monitoring.training_rows import RowCounts, RowsError, read_training_rows
from tabento.tables.faults import DataError
from training.config import ModelConfig


def write_served_rows(
    config: ModelConfig, log: str, feedback: str, path: Path, since_s: float = -math.inf
) -> RowCounts:
    """Write the rows whose truth is known into a file that ``--data`` can read.

    Args:
        config: the model.
        log: the folder of the prediction log, or its URL.
        feedback: see ``monitoring.training_rows.read_training_rows``.
        path: the file; its folder is made. Rows in the same order make the same bytes, so the same data has the same checksum.
        since_s: only truths that became known at this Unix time in seconds or later.

    Raises:
        DataError: the log or the feedback cannot be read, the model has texts, or no row is usable.
    """
    features = tuple(column.name for column in config.features)
    texts = [column.name for column in config.features if column.type == "text"]
    if texts:
        raise DataError(
            f"the prediction log keeps no texts, so it has no rows for {texts}. Give the rows with --data.", []
        )
    try:
        rows, truths, counts = read_training_rows(log, feedback, config.name, features, since_s)
    except RowsError as error:
        raise DataError(f"the truths cannot be read: {error}") from error
    if not rows:
        raise DataError(
            f"expected logged rows of {config.name} whose truth is known, got {counts.in_words()}. Check --from-log and"
            " --feedback; `tabento log query` and `tabento feedback list` list the stored rows and truths."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*features, config.target.name])
        for row, truth in zip(rows, truths, strict=True):
            writer.writerow([*map(_cell, row.values()), _cell(truth)])
    temporary.replace(path)
    return counts


def _cell(value: Any) -> str:
    """Return a logged value as the text of a cell; a number in the digits that give the same float64."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
