"""The reference: the distribution of the training part, stored in the bundle for the measurement of drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabento.bundle.contract import Contract, Feature, OutputTarget, label_key
from tabento.bundle.drift import number_counts, quantile_edges
from tabento.bundle.reference import UNKNOWN_VALUE, CategoryDistribution, Distributions, NumberDistribution, Reference
from tabento.tables.texts import text_lengths


def build_reference(contract: Contract, train: pd.DataFrame, predictions: ArrayLike) -> Reference:
    """Describe how features, target and predictions are distributed over the training part.

    Args:
        contract: The meaning of columns and answers; the target is the column ``output.name``.
        train: The training part, as ``training.data.validation.validate`` types it.
        predictions: The fitted pipeline's answers to ``train``, as ``tabento.parity.pipeline_answers`` gives them:
            shape (N,) in the target's unit, or (N, 1 + C).

    Raises:
        ValueError: predictions and rows differ in number, or a column has no value at all.
    """
    answers = np.asarray(predictions, dtype=np.float64)
    classes = contract.output.classes
    expected = (len(train),) if classes is None else (len(train), 1 + len(classes))
    if answers.shape != expected:
        raise ValueError(f"expected one prediction per training row, shape {expected}, got {answers.shape}")
    truth = train[contract.output.name].to_numpy(dtype=np.float64)
    return describe(contract, train, answers, truth)


def describe(
    contract: Contract, frame: pd.DataFrame, answers: NDArray[np.float64], truth: NDArray[np.float64] | None
) -> Reference:
    """Describe how features, answers and truth are distributed over rows.

    Args:
        contract: the meaning of columns and answers.
        frame: N rows with a column for each feature, typed as by ``training.data.validation``.
        answers: the pipeline's answers to them, shape (N,) or (N, W).
        truth: the true answers, shape (N,), or (N, W) of several targets: numbers, or indices of classes; None if they
            are unknown.

    Raises:
        ValueError: a column has no value at all.
    """
    features = {feature.name: feature_distribution(frame[feature.name], feature) for feature in contract.features}
    targets = contract.output.targets
    if targets is not None:
        return Reference(
            features=features,
            prediction=_distributions(answers, targets),
            target=None if truth is None else _distributions(truth, targets),
        )
    classes = contract.output.classes
    if classes is None:
        return Reference(
            features=features,
            prediction=number_distribution(answers, "the predictions"),
            target=None if truth is None else number_distribution(truth, contract.output.name),
        )
    keys = [label_key(label) for label in classes]
    probabilities: dict[str, NumberDistribution] | None = None
    if contract.output.probabilities:
        columns = answers[:, 1:].T
        probabilities = {key: number_distribution(column, key) for key, column in zip(keys, columns, strict=True)}
    return Reference(
        features=features,
        prediction=_label_distribution(answers[:, 0], keys),
        probabilities=probabilities,
        target=None if truth is None else _label_distribution(truth, keys),
    )


def _distributions(answers: NDArray[np.float64], targets: Sequence[OutputTarget]) -> Distributions:
    """Describe several answers, shape (N, W), each by itself."""
    return {
        target.name: number_distribution(column, target.name)
        if target.classes is None
        else _label_distribution(column, [label_key(label) for label in target.classes])
        for target, column in zip(targets, answers.T, strict=True)
    }


def _label_distribution(indices: NDArray[np.float64], keys: list[str]) -> CategoryDistribution:
    counts = np.bincount(indices.astype(np.intp), minlength=len(keys))
    shares = {key: int(count) / len(indices) for key, count in zip(keys, counts, strict=True)}
    return CategoryDistribution(count=len(indices), null_rate=0, shares=shares)


def number_distribution(values: NDArray[np.float64], name: str) -> NumberDistribution:
    """Describe numbers, shape (N,), NaN where missing; ``std`` is the population standard deviation.

    ``tabento.bundle.drift.quantile_edges`` has the edges of the bins.

    Raises:
        ValueError: every value is missing.
    """
    present = np.sort(values[~np.isnan(values)])
    if not present.size:
        raise ValueError(f"{name}: expected at least one value in {values.size:,} training rows, all are missing")
    edges = quantile_edges(present)
    counts = number_counts(present, edges)[:-1]
    p05, p50, p95 = np.quantile(present, (0.05, 0.5, 0.95))
    return NumberDistribution(
        count=present.size,
        null_rate=1 - present.size / values.size,
        mean=float(present.mean()),
        std=float(present.std()),
        minimum=float(present[0]),
        maximum=float(present[-1]),
        p05=float(p05),
        p50=float(p50),
        p95=float(p95),
        edges=tuple(edges.tolist()),
        shares=tuple((counts / present.size).tolist()),
    )


def feature_distribution(series: pd.Series[Any], feature: Feature) -> NumberDistribution | CategoryDistribution:
    """Describe one feature; the shares of a category list every value of the contract, unused ones with 0.

    A text is described by its length in characters.
    """
    if feature.ordered:
        return number_distribution(series.to_numpy(dtype=np.float64), feature.name)
    if feature.type == "text":
        return number_distribution(text_lengths(series), feature.name)
    present = series.dropna()
    if present.empty:
        raise ValueError(
            f"{feature.name}: expected at least one value in {len(series):,} training rows, all are missing"
        )
    if feature.type == "boolean":
        true = float(present.mean())
        shares = {"false": 1 - true, "true": true}
    else:
        counts = present.value_counts()
        shares = {value: int(counts.get(value, 0)) / len(present) for value in feature.categories or ()}
        unknown = int((~present.isin(feature.categories or ())).sum())
        if unknown:
            shares[UNKNOWN_VALUE] = unknown / len(present)
    return CategoryDistribution(count=len(present), null_rate=1 - len(present) / len(series), shares=shares)
