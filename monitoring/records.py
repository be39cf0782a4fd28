"""The messages between a worker and the monitor process: MessagePack, each behind its length in four bytes.

A record is made for every prediction on the hot path: its fields are the objects that the prediction has anyway.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monitoring.snapshots import Family, Snapshot

MESSAGE_LIMIT = 64 * 1024 * 1024
"""The largest number of bytes of one message."""


class PredictionRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One answered request."""

    model: int
    """The model's key, see ``ModelDescription``."""
    request_id: bytes
    caller: str | None
    """The id of the API key; None if the service has no keys."""
    data: bytes
    """The packed rows, see ``serving.codec.rows.Rows``."""
    count: int
    """The number of rows."""
    values: list[Any]
    """One answer a row: a number, or a list of W numbers, see ``tabento.bundle.contract.answer_width``."""
    identifiers: bytes
    """The identifiers as JSON: an object for a single row, else a list; empty if the contract has none."""
    started_s: float
    """The time at which the service began to work on the request, by the worker's ``time.perf_counter``."""
    read_s: float
    """The time at which its rows were decoded, on the same clock."""
    batch_started_s: float
    """The time at which the last batch of the model began; before ``read_s`` if no batch ran for this request."""
    batch_s: float
    """The seconds of that batch in the model."""
    ended_s: float
    """The time at which the answer was encoded, on the same clock."""
    deadline_ms: float | None
    """The caller's deadline in milliseconds."""
    lines: bytes
    """Further headers of the answer, of which ``x-cache`` says whether a cache answered."""
    trace_id: str | None = None
    """The trace of the request as 32 hexadecimal digits; None if it was not traced."""


class FailureRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One request that got an error instead of an answer."""

    model: int
    request_id: bytes
    caller: str | None
    started_s: float
    total_s: float
    status: int
    """The status of the answer; 499 if the client left before it."""
    code: str
    """The code of the error, see ``serving.errors``."""
    fields: list[str]
    """The names of the contract's fields that were refused; never a value."""
    trace_id: str | None = None


class ModelDescription(msgspec.Struct, tag=True):
    """A model whose records a worker sends from now on."""

    key: int
    """The number of this model in the worker's records."""
    tag: str
    """``name:version``."""
    variant: str
    """``champion`` or ``challenger``."""
    folder: str
    """The folder of its bundle."""
    row_values: int
    """F + V: the number of float64 values of a packed row."""
    slo_ms: float
    """The latency SLO in milliseconds: 99% of answers are sent within it."""


class Records(msgspec.Struct, tag=True):
    """A list of records."""

    clock_offset_s: float
    """The Unix time minus ``time.perf_counter`` of the worker."""
    predictions: list[PredictionRecord]
    failures: list[FailureRecord]


class WorkerNumbers(msgspec.Struct, tag=True):
    """The metrics of a worker as they are now, see ``monitoring.snapshots``."""

    snapshot: Snapshot


class Question(msgspec.Struct, tag=True):
    """A request of a client that the monitor answers."""

    number: int
    """The number under which the reply is sent."""
    name: str
    """The name of the route: ``drift``, ``quality``, ``feedback``, ``alerts`` …"""
    query: dict[str, str]
    """The parameters of the query."""
    content: bytes
    """The body of the request."""


class Reply(msgspec.Struct, tag=True):
    """The monitor's answer to a question."""

    number: int
    status: int
    content: bytes
    """The body: JSON, or a page if ``content_type`` says so. For a status of 400 and above an ``ErrorContent`` as JSON."""
    content_type: str = "application/json"


class ErrorDetail(msgspec.Struct):
    """One fault of a request, see ``serving.errors.Detail``."""

    row: int | None
    field: str | None
    expected: str
    got: str


class ErrorContent(msgspec.Struct):
    """The content of a reply that is an error."""

    message: str
    details: list[ErrorDetail] = []


class PartHealth(msgspec.Struct):
    """The state of one part of the monitor, as a component of ``GET /health``. It is never critical: predictions go on."""

    name: str
    status: str
    """``healthy`` or ``degraded``."""
    message: str
    """The detail in words, without a path, an address or a secret."""


class MonitorNumbers(msgspec.Struct, tag=True):
    """The monitor's own metrics and health, sent to every worker each second."""

    handled_rows: int
    """The number of rows of this worker's present connection that all parts have handled, and none has waiting."""
    families: list[Family]
    """The metrics of the monitor and its parts."""
    snapshot: Snapshot
    health: list[PartHealth]


FromWorker = ModelDescription | Records | WorkerNumbers | Question
FromMonitor = Reply | MonitorNumbers
