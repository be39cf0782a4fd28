"""Requests of rows for tests of the load generator, each with the beginning of its own answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.loadgen.requests import Requests, http_requests


def single_rows(rows: Sequence[Mapping[str, Any]], predictions: Sequence[float], **options: Any) -> Requests:
    """Return one request for each row; its answer must begin with the row's own prediction.

    Args:
        rows: objects of features.
        predictions: the expected predictions, one for each row.
        options: ``path``, ``headers`` and ``ids`` of ``http_requests``.
    """
    return http_requests(rows, [f'{{"prediction":{value!r}'.encode() for value in predictions], **options)


def many_rows(rows: Sequence[Mapping[str, Any]], predictions: Sequence[float], rows_each: int, count: int) -> Requests:
    """Return requests ``{"instances": [...]}`` that start at different rows.

    Args:
        rows: objects of features; a request that reaches the last row continues with the first.
        predictions: the expected predictions, one for each row; the first of each request is checked.
        rows_each: the number of rows in one request.
        count: the number of requests.
    """
    starts = [number % len(rows) for number in range(count)]
    bodies = [{"instances": [rows[(start + row) % len(rows)] for row in range(rows_each)]} for start in starts]
    expected = [f'{{"predictions":[{predictions[start]!r}'.encode() for start in starts]
    return http_requests(bodies, expected, rows_each=rows_each)
