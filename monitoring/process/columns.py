"""The conversion of records into columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import msgspec
import numpy as np

from monitoring.core_time import offer_core
from monitoring.records import PredictionRecord
from monitoring.rows import Floats, MonitoredModel, PredictedRows
from tabento.bundle.contract import answer_width

_decode_objects = msgspec.json.Decoder(list[msgspec.Raw]).decode
CACHE_LINE = b"x-cache: "


def columns_of(model: MonitoredModel, records: Sequence[PredictionRecord], clock_offset_s: float) -> PredictedRows:
    """Return the rows of records of one model.

    Args:
        model: the model.
        records: at least one.
        clock_offset_s: the Unix time minus the clock of the records, in seconds.

    Raises:
        ValueError: the sizes of a record contradict each other.
    """
    counts = [record.count for record in records]
    total = sum(counts)
    is_simple = total == len(records)  # most requests have one row
    n_features = len(model.contract.features)
    packed = np.frombuffer(b"".join([record.data for record in records])).reshape(total, model.row_values)
    width = answer_width(model.contract) or 1
    answers = np.array([value for record in records for value in record.values], np.float64).reshape(total, width)
    times = np.array(
        [
            (record.started_s, record.read_s, record.batch_started_s, record.batch_s, record.ended_s)
            for record in records
        ]
    )
    deadlines = np.array(
        [np.nan if record.deadline_ms is None else record.deadline_ms for record in records], np.float64
    )
    offer_core()
    has_run = times[:, 2] >= times[:, 1]
    seconds: list[Floats] = [
        times[:, 0] + clock_offset_s,
        np.where(has_run, times[:, 2] - times[:, 1], 0.0),
        np.where(has_run, times[:, 3], 0.0),
        times[:, 4] - times[:, 0],
        deadlines,
    ]
    offer_core()
    request_ids = [record.request_id.decode() for record in records]
    callers = [record.caller for record in records]
    caches = [_cache(record.lines) if record.lines else None for record in records]
    offer_core()
    trace_ids = [record.trace_id for record in records]
    if is_simple:
        row_numbers = np.zeros(total, np.int32)
        # A list of one row has a list of identifiers.
        identifiers = [
            content[1:-1] if content.startswith(b"[") else content
            for content in (record.identifiers for record in records)
        ]
    else:
        row_numbers = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
        seconds = [np.repeat(column, counts) for column in seconds]
        request_ids, callers, caches, trace_ids = (
            _repeat(column, counts) for column in (request_ids, callers, caches, trace_ids)
        )
        identifiers = list(chain.from_iterable(map(_identifiers, records)))
    times_s, queue_s, batch_s, total_s, deadlines_ms = seconds
    return PredictedRows(
        model=model,
        count=total,
        request_ids=request_ids,
        row_numbers=row_numbers,
        times_s=times_s,
        callers=callers,
        numbers=packed[:, :n_features],
        terms=packed[:, n_features:],
        answers=answers,
        queue_s=queue_s,
        batch_s=batch_s,
        total_s=total_s,
        deadlines_ms=deadlines_ms,
        caches=caches,
        identifiers=identifiers,
        trace_ids=trace_ids,
    )


def _repeat(column: list[Any], counts: list[int]) -> list[Any]:
    return list(chain.from_iterable(map(repeat, column, counts)))


def _cache(lines: bytes) -> str | None:
    """Return the value of the header ``x-cache``."""
    _, name, rest = lines.partition(CACHE_LINE)
    return rest.partition(b"\r\n")[0].decode() if name else None


def _identifiers(record: PredictionRecord) -> list[bytes]:
    """Return the identifiers of each row of a record."""
    if not record.identifiers:
        return [b""] * record.count
    if record.identifiers.startswith(b"["):
        return [bytes(part) for part in _decode_objects(record.identifiers)]
    return [record.identifiers]
