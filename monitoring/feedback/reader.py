"""Truths for other programs, such as retraining: from the store, or from a file that ``tabento feedback list`` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitoring.feedback.database import open_database
from monitoring.feedback.store import FeedbackStore


def read_feedback(
    source: Path | str, model: str | None = None, since_s: float = -math.inf, until_s: float = math.inf
) -> Iterator[dict[str, Any]]:
    """Yield the truths that became known in a window, the latest truth of each row.

    Args:
        source: the monitoring folder, a file of JSON lines, or the URL of a Postgres.
        model: the name of the model whose joined truths are read; None for all truths, also waiting ones.
        since_s: the start of the window in Unix seconds, inclusive.
        until_s: its end, exclusive.

    Yields:
        ``request_id``, ``row``, ``truth``, ``time_s``, ``corrections``, and of a joined truth ``model``, ``version``,
        ``variant`` and ``predicted_s``, else None.

    Raises:
        FeedbackStoreError: the store cannot be used.
        FileNotFoundError: there is no such store or file.
        ValueError: a line of the file is not a truth.
    """
    items = _file_items(Path(source)) if _is_file(source) else _stored_items(source, since_s, until_s)
    for item in items:
        if since_s <= item["time_s"] < until_s and model in (None, item.get("model")):
            yield item


def _is_file(source: Path | str) -> bool:
    return "://" not in str(source) and Path(source).is_file()


def _file_items(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            item = json.loads(line)
            if not isinstance(item, dict) or not {"request_id", "truth", "time_s"} <= item.keys():
                raise ValueError(f"expected request_id, truth and time_s in line {number} of {path.name}")
            yield {"row": 0, **item}


def _stored_items(source: Path | str, since_s: float, until_s: float) -> Iterator[dict[str, Any]]:
    url = str(source) if "://" in str(source) else None
    folder = Path() if url else Path(source)
    if url is None and not (folder / "feedback.sqlite").is_file():
        raise FileNotFoundError(f"there is no feedback.sqlite in {folder}")
    store = FeedbackStore(open_database(folder, url))
    try:
        yield from store.truths(since_s, until_s)
    finally:
        store.close()
