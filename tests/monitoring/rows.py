"""Monitored models and predicted rows for tests, built from arrays without a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.rows import MonitoredModel, PredictedRows
from tabento.bundle.contract import Contract, answer_width, label_key
from tabento.bundle.reference import UNKNOWN_VALUE, CategoryDistribution, Distribution, NumberDistribution, Reference
from tabento.packaging.reference import number_distribution
from tests.bundles import orchard_contract

Floats = NDArray[np.float64]
START_S = 1_767_225_600.0
"""The time of the first row of ``predicted_rows``: 2026-01-01T00:00:00Z."""


def orchard_numbers(count: int, seed: int = 0) -> Floats:
    """Return packed rows of the orchard: age, crown width, height, slope (20% missing), pruned, sort, soil (10% missing)."""
    random = np.random.default_rng(seed)
    slope = np.where(random.random(count) < 0.2, np.nan, random.uniform(0, 30, count))
    soil = np.where(random.random(count) < 0.1, np.nan, random.choice(4, count, p=[0.25, 0.45, 0.25, 0.05]))
    columns = (
        random.integers(1, 61, count).astype(np.float64),
        np.clip(random.normal(5, 1.5, count), 0.5, 15),
        np.clip(random.normal(6, 2, count), 0.5, 20),
        slope,
        (random.random(count) < 0.6).astype(np.float64),
        random.choice(3, count, p=[0.5, 0.25, 0.25]).astype(np.float64),
        soil,
    )
    return np.stack(columns, axis=1)


def orchard_answers(numbers: Floats) -> Floats:
    """Return the orchard's answers, shape (N, 1), a function of the rows."""
    answers: Floats = 20 + 2 * numbers[:, :1] + 3 * numbers[:, 4:5]
    return answers


def category_distribution(values: Floats, names: Sequence[str]) -> CategoryDistribution:
    """Return the shares of indices of names; a negative index is an unknown value, NaN a missing one."""
    present = values[~np.isnan(values)]
    shares = {name: float(np.mean(present == index)) for index, name in enumerate(names)}
    if (present < 0).any():
        shares[UNKNOWN_VALUE] = float(np.mean(present < 0))
    return CategoryDistribution(count=present.size, null_rate=1 - present.size / values.size, shares=shares)


def reference_of_rows(contract: Contract, numbers: Floats, answers: Floats) -> Reference:
    """Return the reference of training rows: packed rows of shape (N, F) and answers of shape (N, W)."""
    features: dict[str, NumberDistribution | CategoryDistribution] = {}
    for feature, column in zip(contract.features, numbers.T, strict=True):
        if feature.type == "category":
            features[feature.name] = category_distribution(column, feature.categories or ())
        elif feature.type == "boolean":
            features[feature.name] = category_distribution(column, ("false", "true"))
        else:
            features[feature.name] = number_distribution(column, feature.name)
    output = contract.output
    if output.targets is not None:
        described: dict[str, Distribution] = {}
        for target, column in zip(output.targets, answers.T, strict=True):
            described[target.name] = (
                number_distribution(column, target.name)
                if target.classes is None
                else category_distribution(column, [label_key(label) for label in target.classes])
            )
        return Reference(features=features, prediction=described, target=described)
    if output.classes is None:
        numbers_of_answers = number_distribution(answers[:, 0], output.name)
        return Reference(features=features, prediction=numbers_of_answers, target=numbers_of_answers)
    keys = [label_key(label) for label in output.classes]
    labels = category_distribution(answers[:, 0], keys)
    probabilities = None
    if output.probabilities:
        probabilities = {
            key: number_distribution(column, key) for key, column in zip(keys, answers[:, 1:].T, strict=True)
        }
    return Reference(features=features, prediction=labels, probabilities=probabilities, target=labels)


def monitored_model(
    contract: Contract | None = None,
    numbers: Floats | None = None,
    answers: Floats | None = None,
    *,
    version: str = "1",
    variant: str = "champion",
    metrics: dict[str, Any] | None = None,
    folder: Path = Path("no-such-folder"),
) -> MonitoredModel:
    """Return a model whose reference describes training rows; by default 5,000 rows of the orchard.

    Args:
        contract: the contract; default: the orchard's.
        numbers: the packed training rows, shape (N, F).
        answers: the answers to them, shape (N, W).
        version: the version.
        variant: ``champion`` or ``challenger``.
        metrics: the figures of the test part.
        folder: the folder of the bundle; nothing reads it.
    """
    contract = contract or orchard_contract()
    if numbers is None:
        numbers = orchard_numbers(5_000, seed=1)
    if answers is None:
        answers = orchard_answers(numbers)
    return MonitoredModel(
        name=contract.name,
        version=version,
        variant=variant,
        contract=contract,
        reference=reference_of_rows(contract, numbers, answers),
        metrics=metrics or {},
        folder=folder,
        row_values=len(contract.features),
        slo_ms=10.0,
    )


def predicted_rows(
    model: MonitoredModel,
    numbers: Floats | None = None,
    answers: Floats | None = None,
    *,
    count: int = 1,
    start_s: float = START_S,
    step_s: float = 0.001,
    request_ids: Sequence[str] | None = None,
    callers: Sequence[str | None] | None = None,
) -> PredictedRows:
    """Return predicted rows, each a request of its own.

    Args:
        model: the model.
        numbers: the packed rows, shape (N, F); default: ``count`` rows of the orchard.
        answers: the answers, shape (N, W); default: ``orchard_answers``.
        count: the number of rows if ``numbers`` is None.
        start_s: the Unix time of the first row.
        step_s: the seconds from a row to the next.
        request_ids: the ids of the requests; default: ``r0``, ``r1``, ….
        callers: the ids of the API keys; default: None.
    """
    if numbers is None:
        numbers = orchard_numbers(count)
    count = len(numbers)
    if answers is None:
        answers = orchard_answers(numbers)
    width = answer_width(model.contract) or 1
    return PredictedRows(
        model=model,
        count=count,
        request_ids=list(request_ids) if request_ids is not None else [f"r{index}" for index in range(count)],
        row_numbers=np.zeros(count, np.int32),
        times_s=start_s + step_s * np.arange(count, dtype=np.float64),
        callers=list(callers) if callers is not None else [None] * count,
        numbers=numbers,
        terms=np.zeros((count, model.row_values - len(model.contract.features))),
        answers=answers.reshape(count, width),
        queue_s=np.full(count, 0.0005),
        batch_s=np.full(count, 0.0002),
        total_s=np.full(count, 0.001),
        deadlines_ms=np.full(count, np.nan),
        caches=[None] * count,
        identifiers=[b""] * count,
        trace_ids=[None] * count,
    )
