"""Wide rows: packed rows for the graph, with the numbers of texts after the numbers of the features."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tabento.bundle.texts import TEXTS_KEY, Entries, TermCounter, fill, read_texts
from tabento.tables.texts import text_of


def wide_rows(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return packed rows as the input of a graph.

    Args:
        session: the graph; its metadata describe how texts are split.
        rows: float64 of shape (N, F), as ``tabento.tables.frames.to_rows`` packs them.

    Returns:
        float64 of shape (N, F + V), C-contiguous, as the service sends them; the rows themselves for a graph without
        texts.
    """
    content = session.get_modelmeta().custom_metadata_map.get(TEXTS_KEY)
    return np.ascontiguousarray(rows) if content is None else _widen(rows, content)


@lru_cache(maxsize=8)
def _counters(content: str) -> tuple[TermCounter, ...]:
    texts = read_texts({TEXTS_KEY: content})
    return () if texts is None else tuple(TermCounter(block) for block in texts.blocks)


@lru_cache(maxsize=50_000)
def _entries(counter: TermCounter, text: str) -> Entries:
    return counter.entries(text)


def _widen(rows: NDArray[np.float64], content: str) -> NDArray[np.float64]:
    counters = _counters(content)
    wide = np.zeros((len(rows), rows.shape[1] + sum(counter.width for counter in counters)))
    wide[:, : rows.shape[1]] = rows
    start = rows.shape[1]
    for counter in counters:
        # The number of the text feature itself is 0, as in the service.
        wide[:, counter.column] = np.where(np.isnan(rows[:, counter.column]), np.nan, 0.0)
        # Many rows share few texts if columns are permuted to measure their importance.
        numbers, indices = np.unique(rows[:, counter.column], return_inverse=True)
        distinct = np.zeros((len(numbers), counter.width))
        for numbers_row, number in zip(distinct, numbers.tolist(), strict=True):
            text = text_of(number)
            if text is not None:
                fill(numbers_row, _entries(counter, text))
        wide[:, start : start + counter.width] = distinct[indices.ravel()]
        start += counter.width
    return wide
