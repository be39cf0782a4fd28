"""The reference of an adopted pipeline: how its sample and its answers to it are distributed.

The training data is not there; the sample stands in for it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, label_key
from bundle.reference import CategoryDistribution, NumberDistribution, Reference
from training.reference import feature_distribution, number_distribution


def describe_sample(
    contract: Contract, frame: pd.DataFrame, answers: NDArray[np.float64], truth: NDArray[np.float64] | None
) -> Reference:
    """Describe how features, answers and truth are distributed over the sample.

    Args:
        contract: what the columns and the answers mean.
        frame: N rows with a column for each feature, typed as by ``training.data.validation``.
        answers: the pipeline's answers to them, shape (N,) or (N, W).
        truth: the true answers, shape (N,), or None where they are not known.

    Raises:
        ValueError: a column has no value at all.
    """
    features = {feature.name: feature_distribution(frame[feature.name], feature) for feature in contract.features}
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
        prediction=_labels(answers[:, 0], keys),
        probabilities=probabilities,
        target=None if truth is None else _labels(truth, keys),
    )


def _labels(indices: NDArray[np.float64], keys: list[str]) -> CategoryDistribution:
    counts = np.bincount(indices.astype(np.intp), minlength=len(keys))
    shares = {key: int(count) / len(indices) for key, count in zip(keys, counts, strict=True)}
    return CategoryDistribution(count=len(indices), null_rate=0, shares=shares)
