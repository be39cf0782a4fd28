"""Importances: the features on which the stored model depends, measured on test rows with the served graph.

Permutation importance (L. Breiman, Random forests, 2001): the loss of the deciding metric if a feature's values are
shuffled among the rows. SHAP values (S. Lundberg and S.-I. Lee, A unified approach to interpreting model predictions, 2017):
the effect of a feature on single answers, estimated by sampling as in ``training.model.attribution``, in the unit of the
answer. They decide nothing, because the test part must not influence a fit or a choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Strict
from tabento.bundle.session import open_session
from tabento.packaging.served_graph import graph_answers
from tabento.tables.frames import to_rows
from training.config import ModelConfig
from training.model.attribution import BACKGROUND_ROWS, ORDERS, SAMPLED_ROWS, explain_by_sampling
from training.model.metrics import HIGHER_IS_BETTER, measure, metric_of
from training.model.sampling import sample_rows

TOP = 10
"""The number of reported features, the most important ones."""
REPEATS = 5
"""The number of times that each feature is shuffled."""
EVALUATED_ROWS_MAX = 50_000
"""The approximate number of rows that the graph answers for each of the two methods, regardless of the number of features.
It limits the time without a clock, so that the results of two runs are the same."""
PERMUTED_ROWS = (200, 2_000)
"""The smallest and the largest number of test rows among which values are shuffled."""
EXPLAINED_ROWS_MIN = 10
"""The smallest number of rows whose answers are explained."""
_CHUNK_ROWS = 1_000
"""The number of rows in one call: the memory of a graph with distances to many rows grows with the batch."""


class Importance(Strict):
    """The importance of one feature for the model."""

    feature: str
    permutation: float
    """The loss of the metric if its values are shuffled, in the metric's unit; the mean over the repeats."""
    permutation_std: float
    """The standard deviation over the repeats."""
    shap: float
    """The mean absolute SHAP value: in the unit of the answer, or a probability; added up over the classes if there are more
    than two."""


class Importances(Strict):
    """The content of ``importances.json``."""

    metric: str
    """The metric of the loss, a key of ``training.model.metrics``."""
    rows: int
    """The number of shuffled test rows."""
    repeats: int
    explained_rows: int
    """The number of test rows with SHAP values."""
    top: tuple[Importance, ...]
    """The most important features by permutation, at most ``TOP``; equally important ones in the order of the contract."""
    features: int
    """The number of features of the contract."""


class ServedAnswers:
    """The answers of a served graph to packed rows, in the form for SHAP values and metrics."""

    def __init__(self, model: bytes, contract: Contract) -> None:
        """Open a serialised graph for one thread."""
        self._session = open_session(model)
        self._classes = len(contract.output.classes or ())

    def answers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the graph's answers to rows of shape (N, F): float64 of shape (N,), or (N, W) for a classification."""
        parts = [
            graph_answers(self._session, rows[start : start + _CHUNK_ROWS])
            for start in range(0, len(rows), _CHUNK_ROWS)
        ]
        return np.concatenate(parts)

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs that are explained, float64 of shape (N, outputs).

        The output is a number, the probability of the positive class, or the probability of each of several classes.
        Without probabilities the answered label has the value 1 and the other labels 0.
        """
        answers = self.answers(rows)
        if answers.ndim == 1:
            return answers[:, np.newaxis]
        if answers.shape[1] == 1:
            shares = (answers == np.arange(self._classes)).astype(np.float64)
        else:
            shares = answers[:, 1 : 1 + self._classes]
        explained_shares: NDArray[np.float64] = shares[:, 1:] if self._classes == 2 else shares
        return explained_shares


def measure_importances(
    config: ModelConfig, model: bytes, contract: Contract, train: pd.DataFrame, test: pd.DataFrame
) -> Importances:
    """Measure the importance of every feature and keep the first ten.

    Args:
        config: gives the deciding metric and the seed.
        model: the serialised graph.
        contract: of the graph.
        train: the training part, validated; the exchanged values of SHAP come from a sample of it.
        test: the test part with its target, validated; at least one row.

    Returns:
        The importances; they are the same for the same arguments.
    """
    served = ServedAnswers(model, contract)
    width = len(contract.features)
    rows_min, rows_max = PERMUTED_ROWS
    sample = sample_rows(test, int(np.clip(EVALUATED_ROWS_MAX // (REPEATS * width), rows_min, rows_max)), config.seed)
    if config.target.classes is None and not sample[config.target.name].any():
        # Percentage errors are not defined if every value of the sample is 0; for the whole test part they are.
        sample = test
    rows = to_rows(sample, contract)
    y_true = sample[config.target.name].to_numpy(dtype=np.float64)
    metric, losses = _permutation_losses(config, served, rows, y_true)
    rows_per_explanation = 2 * ORDERS * BACKGROUND_ROWS * (width + 1)
    explained = to_rows(
        sample_rows(
            sample,
            int(np.clip(EVALUATED_ROWS_MAX // rows_per_explanation, EXPLAINED_ROWS_MIN, SAMPLED_ROWS)),
            config.seed,
        ),
        contract,
    )
    background = to_rows(sample_rows(train, BACKGROUND_ROWS, config.seed), contract)
    values = explain_by_sampling(served.outputs, background, explained, config.seed)
    shap = np.abs(values).mean(axis=0).sum(axis=1)
    mean, std = losses.mean(axis=1), losses.std(axis=1)
    importances = [
        Importance(
            feature=contract.feature_names[index],
            permutation=float(mean[index]),
            permutation_std=float(std[index]),
            shap=float(shap[index]),
        )
        for index in np.argsort(-mean, kind="stable")[:TOP].tolist()
    ]
    return Importances(
        metric=metric,
        rows=len(rows),
        repeats=REPEATS,
        explained_rows=len(explained),
        top=tuple(importances),
        features=width,
    )


def _permutation_losses(
    config: ModelConfig, served: ServedAnswers, rows: NDArray[np.float64], y_true: NDArray[np.float64]
) -> tuple[str, NDArray[np.float64]]:
    """Return the metric, and its loss for each shuffled feature: float64 of shape (features, REPEATS)."""
    before = measure(config, y_true, served.answers(rows))
    # A sample can lack a class, and a model can have no probabilities.
    metric = next(name for name in (metric_of(config), "log_loss", "accuracy") if name in before)
    sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
    generator = np.random.default_rng(config.seed)
    losses = np.zeros((rows.shape[1], REPEATS))
    for repeat in range(REPEATS):
        order = generator.permutation(len(rows))
        for feature in range(rows.shape[1]):
            mixed = rows.copy()
            mixed[:, feature] = rows[order, feature]
            after: dict[str, Any] = measure(config, y_true, served.answers(mixed))
            losses[feature, repeat] = sign * (before[metric] - after[metric])
    return metric, losses
