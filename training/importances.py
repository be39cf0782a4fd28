"""Importances: which of a client's features the stored model goes by, measured on test rows with the served graph.

Permutation importance (L. Breiman, Random forests, 2001): how much worse the deciding metric gets if a feature's values are
shuffled among the rows. SHAP values (S. Lundberg and S.-I. Lee, A unified approach to interpreting model predictions, 2017):
how far a feature moves single answers, estimated by sampling as in ``training.features.attribution``, in the unit of the
answer. Nothing is fitted or chosen by them: the test part was used for the figures before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Strict
from training.config import ModelConfig
from training.features.attribution import BACKGROUND_ROWS, ORDERS, SAMPLED_ROWS, explain_by_sampling
from training.frames import to_rows
from training.metrics import HIGHER_IS_BETTER, measure, metric_of
from training.served_graph import graph_answers, open_graph
from training.study.sampling import sample_rows

TOP = 10
"""So many features are kept, the most important ones."""
REPEATS = 5
"""How often each feature is shuffled."""
ASKED_ROWS_MAX = 50_000
"""About so many rows the graph is asked for each of the two, however many features there are. It bounds the time, and not by
a clock: the figures of two runs are the same."""
PERMUTED_ROWS = (200, 2_000)
"""The fewest and the most test rows among which values are shuffled."""
EXPLAINED_ROWS_MIN = 10
"""The fewest rows whose answers are explained."""
_CHUNK_ROWS = 1_000
"""So many rows are asked at once: a graph with distances to many rows takes memory by the batch."""


class Importance(Strict):
    """How much the model goes by one feature."""

    feature: str
    permutation: float
    """How much worse the metric gets if its values are shuffled, in the metric's unit; the mean over the repeats."""
    permutation_std: float
    """The standard deviation over the repeats."""
    shap: float
    """The mean absolute SHAP value: in the unit of the answer, or a probability; added up over the classes if there are more
    than two."""


class Importances(Strict):
    """The content of ``importances.json``."""

    metric: str
    """What gets worse, a key of ``training.metrics``."""
    rows: int
    """How many test rows were shuffled."""
    repeats: int
    explained_rows: int
    """How many test rows have SHAP values."""
    top: tuple[Importance, ...]
    """The most important features by permutation, at most ``TOP``; equals in the order of the contract."""
    features: int
    """How many features the contract has."""


class ServedAnswers:
    """The answers of a served graph to packed rows, as SHAP values and metrics need them."""

    def __init__(self, model: bytes, contract: Contract) -> None:
        """Open a serialised graph for one thread."""
        self._session = open_graph(model)
        self._classes = len(contract.output.classes or ())

    def answers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the graph's answers to rows of shape (N, F): float64 of shape (N,), or (N, W) for a classification."""
        parts = [
            graph_answers(self._session, rows[start : start + _CHUNK_ROWS])
            for start in range(0, len(rows), _CHUNK_ROWS)
        ]
        return np.concatenate(parts)

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is explained, float64 of shape (N, outputs).

        A number; the probability of the positive class; of more classes each probability. Without probabilities the
        answered label counts as 1 and the others as 0.
        """
        answers = self.answers(rows)
        if answers.ndim == 1:
            return answers[:, np.newaxis]
        if answers.shape[1] == 1:
            shares = (answers == np.arange(self._classes)).astype(np.float64)
        else:
            shares = answers[:, 1 : 1 + self._classes]
        kept: NDArray[np.float64] = shares[:, 1:] if self._classes == 2 else shares
        return kept


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
        The same figures for the same arguments.
    """
    served = ServedAnswers(model, contract)
    width = len(contract.features)
    least, most = PERMUTED_ROWS
    chosen = sample_rows(test, int(np.clip(ASKED_ROWS_MAX // (REPEATS * width), least, most)), config.seed)
    if config.target.classes is None and not chosen[config.target.name].any():
        # No percentage error is defined if every value of the sample is 0; of the whole test part it was.
        chosen = test
    rows = to_rows(chosen, contract)
    truth = chosen[config.target.name].to_numpy(dtype=np.float64)
    metric, losses = _permuted(config, served, rows, truth)
    asked = 2 * ORDERS * BACKGROUND_ROWS * (width + 1)
    explained = to_rows(
        sample_rows(chosen, int(np.clip(ASKED_ROWS_MAX // asked, EXPLAINED_ROWS_MIN, SAMPLED_ROWS)), config.seed),
        contract,
    )
    background = to_rows(sample_rows(train, BACKGROUND_ROWS, config.seed), contract)
    values = explain_by_sampling(served.outputs, background, explained, config.seed)
    shap = np.abs(values).mean(axis=0).sum(axis=1)
    mean, std = losses.mean(axis=1), losses.std(axis=1)
    found = [
        Importance(
            feature=contract.feature_names[place],
            permutation=float(mean[place]),
            permutation_std=float(std[place]),
            shap=float(shap[place]),
        )
        for place in np.argsort(-mean, kind="stable")[:TOP].tolist()
    ]
    return Importances(
        metric=metric, rows=len(rows), repeats=REPEATS, explained_rows=len(explained), top=tuple(found), features=width
    )


def _permuted(
    config: ModelConfig, served: ServedAnswers, rows: NDArray[np.float64], truth: NDArray[np.float64]
) -> tuple[str, NDArray[np.float64]]:
    """Return the metric, and how much worse it gets with each feature shuffled: float64 of shape (features, REPEATS)."""
    before = measure(config, truth, served.answers(rows))
    # A sample may lack a class, and a model may have no probabilities.
    metric = next(name for name in (metric_of(config), "log_loss", "accuracy") if name in before)
    sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
    generator = np.random.default_rng(config.seed)
    losses = np.zeros((rows.shape[1], REPEATS))
    for repeat in range(REPEATS):
        order = generator.permutation(len(rows))
        for feature in range(rows.shape[1]):
            mixed = rows.copy()
            mixed[:, feature] = rows[order, feature]
            after: dict[str, Any] = measure(config, truth, served.answers(mixed))
            losses[feature, repeat] = sign * (before[metric] - after[metric])
    return metric, losses
