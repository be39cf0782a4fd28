"""Predictions as columns, which the parts of the monitor read.

A batch holds the rows of many requests of one model version, in the order in which one worker answered them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.records import FailureRecord
from tabento.bundle.contract import Contract
from tabento.bundle.reference import Reference

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MonitoredModel:
    """One version of a model whose predictions are monitored; two equal versions are the same object."""

    name: str
    version: str
    variant: str
    """``champion`` or ``challenger``."""
    contract: Contract
    reference: Reference
    metrics: dict[str, Any]
    """The content of the bundle's ``metrics.json``: the figures of the test part."""
    folder: Path
    """The folder of the bundle."""
    row_values: int
    """F + V: the number of float64 values of a packed row, V of them for texts."""
    slo_ms: float
    """The latency SLO in milliseconds."""


@dataclass(frozen=True, eq=False, slots=True)
class PredictedRows:
    """N predicted rows of one model. All columns have N elements."""

    model: MonitoredModel
    count: int
    """N."""
    request_ids: list[str]
    row_numbers: NDArray[np.int32]
    """The index of each row in its request."""
    times_s: Floats
    """The Unix time at which the service began to work on the request, in seconds."""
    callers: list[str | None]
    """The ids of the API keys."""
    numbers: Floats
    """The features, float64 of shape (N, F): a packed row without its terms, see ``tabento.bundle.contract``."""
    terms: Floats
    """The numbers of the texts, float64 of shape (N, V)."""
    answers: Floats
    """The answers, float64 of shape (N, W); W is 1 if the graph answers one number, see ``answer_width``."""
    queue_s: Floats
    batch_s: Floats
    total_s: Floats
    """Seconds in the queue, in the model and from start to answer; the same for all rows of a request. 0 if no batch ran."""
    deadlines_ms: Floats
    """The caller's deadline; NaN if there is none."""
    caches: list[str | None]
    """``hit``, ``partial`` or ``miss``; None if the cache is off."""
    identifiers: list[bytes]
    """The identifiers of each row as a JSON object; empty if the contract has none."""
    trace_ids: list[str | None]


@dataclass(frozen=True, eq=False, slots=True)
class Failure:
    """One request that got an error instead of an answer."""

    model: MonitoredModel
    time_s: float
    """The Unix time at which the service began to work on the request, in seconds."""
    record: FailureRecord
