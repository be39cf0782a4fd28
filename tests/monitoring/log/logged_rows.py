"""Predicted rows of small contracts, for tests of the prediction log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from monitoring.log.row_lines import RowEncoder
from monitoring.log.writer import Batch
from monitoring.privacy import Privacy
from monitoring.records import FailureRecord
from monitoring.rows import Failure, MonitoredModel, PredictedRows
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import Contract, answer_width
from tests.bundles import orchard_contract, reference_of

FIRST_S = 1_790_000_000.0
"""The time of the first row: 2026-09-21T14:13:20Z."""

TYPED_FEATURES: list[dict[str, Any]] = [
    {"name": "depth", "type": "number", "nullable": True},
    {"name": "count", "type": "integer", "nullable": True},
    {"name": "is new", "type": "boolean", "nullable": True},
    {"name": "sort", "type": "category", "categories": ["a", "<unknown>", "c"], "unknown": "ignore", "nullable": True},
    {"name": "seen", "type": "timestamp", "nullable": True},
    {"name": "note", "type": "text", "nullable": True},
]
"""One feature of each type."""


def typed_contract(**changes: object) -> Contract:
    """Return a contract with a feature of each type, with other keys than by default."""
    content = {
        "name": "typed",
        "title": "Typed",
        "description": "All types.",
        "task": "regression",
        "features": TYPED_FEATURES,
        "output": {"name": "target"},
        **changes,
    }
    return Contract.model_validate(content)


def monitored(contract: Contract | None = None, version: str = "v1", n_terms: int = 0) -> MonitoredModel:
    """Return a monitored model of a contract, by default the orchard's."""
    contract = contract or orchard_contract()
    return MonitoredModel(
        name=contract.name,
        version=version,
        variant="champion",
        contract=contract,
        reference=reference_of(orchard_contract()),
        metrics={},
        folder=Path("bundle"),
        row_values=len(contract.features) + n_terms,
        slo_ms=10.0,
    )


def predicted_rows(
    model: MonitoredModel,
    numbers: object = None,
    answers: object = None,
    *,
    terms: object = None,
    first: int = 0,
    count: int = 1,
    **columns: Any,
) -> PredictedRows:
    """Return rows of one request each, called ``r0``, ``r1`` and so on, a second apart.

    Args:
        model: the model.
        numbers: the features of shape (N, F); zeros if it is None.
        answers: the answers of shape (N, W); zeros if it is None.
        terms: the numbers of texts of shape (N, V).
        first: the number of the first request.
        count: N, if ``numbers`` is None.
        columns: other columns than by default.
    """
    width = answer_width(model.contract) or 1
    if numbers is None:
        numbers = np.zeros((count, len(model.contract.features)))
    packed = np.array(numbers, np.float64)
    count = len(packed)
    values: dict[str, Any] = {
        "model": model,
        "count": count,
        "request_ids": [f"r{index}" for index in range(first, first + count)],
        "row_numbers": np.zeros(count, np.int32),
        "times_s": FIRST_S + np.arange(first, first + count, dtype=np.float64),
        "callers": [None] * count,
        "numbers": packed,
        "terms": np.zeros((count, 0)) if terms is None else np.array(terms, np.float64),
        "answers": np.zeros((count, width)) if answers is None else np.array(answers, np.float64),
        "queue_s": np.zeros(count),
        "batch_s": np.zeros(count),
        "total_s": np.full(count, 0.001),
        "deadlines_ms": np.full(count, np.nan),
        "caches": [None] * count,
        "identifiers": [b""] * count,
        "trace_ids": [None] * count,
    }
    return PredictedRows(**{**values, **columns})


def row_encoder(model: MonitoredModel, share: float = 1.0, **settings: object) -> RowEncoder:
    """Return an encoder with settings of private fields; none are private by default."""
    monitoring = MonitoringSettings.model_validate({"private_fields": (), **settings})
    return RowEncoder(model, Privacy(model.contract, monitoring), share)


def records(lines: bytes) -> list[dict[str, Any]]:
    """Return the records of lines."""
    decoded: list[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode_lines(lines)
    return decoded


def batch_of(model: MonitoredModel, first: int, count: int) -> Batch:
    """Return a batch of rows ``first`` to ``first + count - 1``."""
    rows = predicted_rows(model, first=first, count=count)
    return Batch(lambda: row_encoder(model).encode(rows), count, 100 * count, "rows", float(rows.times_s[-1]))


def lines_of(model: MonitoredModel, first: int, count: int) -> bytes:
    """Return the lines of rows ``first`` to ``first + count - 1``."""
    return row_encoder(model).encode(predicted_rows(model, first=first, count=count))


def failure(model: MonitoredModel, fields: list[str]) -> Failure:
    """Return a refused request with wrong fields."""
    return Failure(model, FIRST_S, FailureRecord(0, b"wrong", "shop", 1.0, 0.0012, 422, "invalid", fields))
