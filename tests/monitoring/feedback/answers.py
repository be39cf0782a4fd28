"""Answered rows of small models for tests of feedback: no service and no log is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.feedback.truths import Truth, value_text
from monitoring.rows import MonitoredModel, PredictedRows
from tabento.bundle.contract import Contract, encode_value
from tabento.bundle.reference import NumberDistribution, Reference
from tests.bundles import TREE, classifier_contract, orchard_contract, reference_of

NOW_S = 1_800_000_000.0
"""The present in these tests."""
DAY_S = 86_400.0
AGES = NumberDistribution(
    count=100,
    null_rate=0,
    mean=10,
    std=5,
    minimum=1,
    maximum=40,
    p05=2,
    p50=10,
    p95=30,
    edges=(5.0, 10.0, 20.0),
    shares=(0.25, 0.25, 0.25, 0.25),
)


def monitored(
    contract: Contract | None = None,
    *,
    version: str = "v1",
    variant: str = "champion",
    metrics: dict[str, Any] | None = None,
) -> MonitoredModel:
    """Return a model version with slices by the tree's age, whether it is pruned, its sort and its soil."""
    contract = contract or orchard_contract()
    reference = reference_of(contract)
    return MonitoredModel(
        name=contract.name,
        version=version,
        variant=variant,
        contract=contract,
        reference=Reference(
            features={"age": AGES},
            prediction=reference.prediction,
            probabilities=reference.probabilities,
            target=reference.target,
        ),
        metrics=metrics or {"rmse": 1.0, "test_rows": 1000},
        folder=Path("nowhere"),
        row_values=len(contract.features),
        slo_ms=10.0,
    )


def yield_contract() -> Contract:
    """Return the orchard's contract, whose answer is a number."""
    return orchard_contract()


def frost_contract() -> Contract:
    """Return a contract with two classes and probabilities."""
    return classifier_contract(("calm", "frost"), name="frost")


def predicted_rows(
    model: MonitoredModel,
    request_ids: Sequence[str],
    answers: NDArray[np.float64],
    *,
    rows: Sequence[dict[str, Any]] | None = None,
    row_numbers: Sequence[int] | None = None,
    time_s: float = NOW_S - DAY_S,
) -> PredictedRows:
    """Return answered rows; by default each is the same tree, in a request of its own."""
    count = len(request_ids)
    numbers = np.array(
        [
            [encode_value(feature, row.get(feature.name)) for feature in model.contract.features]
            for row in (rows or [TREE] * count)
        ]
    )
    zeros = np.zeros(count)
    return PredictedRows(
        model=model,
        count=count,
        request_ids=list(request_ids),
        row_numbers=np.array(row_numbers or [0] * count, np.int32),
        times_s=np.full(count, time_s),
        callers=[None] * count,
        numbers=numbers,
        terms=np.empty((count, 0)),
        answers=np.asarray(answers, np.float64).reshape(count, -1),
        queue_s=zeros,
        batch_s=zeros,
        total_s=zeros,
        deadlines_ms=np.full(count, np.nan),
        caches=[None] * count,
        identifiers=[b""] * count,
        trace_ids=[None] * count,
    )


def truth(request_id: str, value: Any, *, row: int = 0, time_s: float = NOW_S) -> Truth:
    """Return a truth."""
    return Truth(request_id, row, value_text(value), time_s)
