"""Imputation in rounds: each column is estimated from the others, over and over, by the estimators that ``fit`` kept.

The chain is finite: ``imputation_sequence_`` lists every estimator in the order in which ``transform`` asks them. The
graph asks the same ones in the same order and puts an answer where the value is missing (van Buuren, Groothuis-Oudshoorn:
mice, Journal of Statistical Software 45/3, 2011).

If every value of all rows of a batch is missing, scikit-learn skips the rounds; the graph makes them for every row, as
scikit-learn does if one other row of the batch has a value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer  # makes the next import work
from sklearn.impute import IterativeImputer

from training.export.forests import FORESTS, TREES
from training.export.imputing import indicators
from training.export.pen import Pen
from training.export.promises import never_missing
from training.export.registry import regress, transform, transformer
from training.export.values import Columns, numbers

UNSETTLED = "IterativeImputer's estimates, whose last bits depend on the order in which the machine adds"
"""Why trees cannot stand behind other estimators: a row that lies on a threshold takes a branch that nobody can foretell."""


@transformer(IterativeImputer)
def iterative_imputer(pen: Pen, model: IterativeImputer, columns: Columns) -> Columns:
    """Missing → what the last round says.

    Columns that were empty in training are left out, or keep what the first imputation gives them.
    """
    pen.require_numbers(columns)
    if model.sample_posterior:
        raise pen.refusal("sample_posterior=True draws random numbers for every answer", "sample_posterior=False")
    if not (isinstance(model.missing_values, float) and math.isnan(model.missing_values)):
        raise pen.refusal(f"missing_values={model.missing_values!r}", "missing_values=NaN")
    if model.keep_empty_features and columns.names is not None:
        raise pen.refusal(
            "keep_empty_features=True writes into a frame of pandas, which raises",
            "a StandardScaler in front of it, or keep_empty_features=False",
        )
    empty = np.asarray(model._is_empty_feature, dtype=bool)
    kept = [at for at in range(columns.width) if model.keep_empty_features or not empty[at]]
    with pen.at("initial_imputer_"):
        filled = transform(pen, model.initial_imputer_, columns)
    if filled.width != len(kept):
        raise pen.refusal(
            f"its first imputation gives {filled.width} columns, its rounds have {len(kept)}",
            "keep_empty_features=True, or columns with at least one value",
        )
    result = filled
    if model.n_iter_:
        result = numbers(_rounds(pen, model, columns, filled, np.array(kept), empty), filled.width)
    if model.indicator_ is None:
        return result
    return pen.join([result, indicators(pen, model.missing_values, columns, model.indicator_.features_)])


def _rounds(
    pen: Pen, model: IterativeImputer, columns: Columns, filled: Columns, kept: NDArray[Any], empty: NDArray[np.bool_]
) -> str:
    """Return the columns after the last round, shape (N, columns that are kept)."""
    asked = [
        at
        for at, column in enumerate(kept.tolist())
        if not empty[column] and not never_missing(pen.graph, columns.name, pen.contract, [column])
    ]
    missing = pen.node("IsNaN", [pen.pick(columns, kept.tolist()).name], "missing")
    value = filled.name
    for number, step in enumerate(model.imputation_sequence_):
        at = int(step.feat_idx)
        if at not in asked:
            continue
        neighbours = pen.pick(numbers(value, len(kept)), np.asarray(step.neighbor_feat_idx).tolist())
        with pen.at(f"imputation_sequence_[{number}]"):
            estimate = _limited(pen, model, at, _estimate(pen, step.estimator, neighbours))
        here = np.zeros((1, len(kept)), dtype=bool)
        here[0, at] = True
        place = pen.node("And", [missing, pen.constant(here, "place")], "place")
        value = pen.node("Where", [place, estimate, value], "imputed")
        pen.graph.widths[value] = len(kept)
        if not _is_exact(step.estimator):
            pen.graph.unsettled[value] = UNSETTLED
    return value


def _is_exact(estimator: Any) -> bool:
    """Say whether an estimator's answers are equal to the last bit, so that trees may split on them.

    A forest of several threads adds its trees as they finish, and a logarithmic link takes an exponential.
    """
    if type(estimator) in FORESTS:
        return estimator.n_jobs in (None, 1)
    if type(estimator) is HistGradientBoostingRegressor:
        return estimator.loss not in ("gamma", "poisson")
    return type(estimator) in (*TREES, DummyRegressor)


def _estimate(pen: Pen, estimator: Any, neighbours: Columns) -> str:
    """Return what an estimator says, shape (N, 1).

    scikit-learn asks it about the rows that miss the value, the graph about all. So its answers and leaves cannot be put
    beside each other row by row, and the proof compares what comes out of the imputer instead.
    """
    graph = pen.graph
    steps, ensembles = len(graph.steps), len(graph.ensembles)
    estimate = regress(pen, estimator, neighbours)
    del graph.steps[steps:]
    if len(graph.ensembles) > ensembles:
        graph.unread.append(pen.step)
    del graph.ensembles[ensembles:]
    return estimate


def _limited(pen: Pen, model: IterativeImputer, at: int, estimate: str) -> str:
    low, high = float(model._min_value[at]), float(model._max_value[at])
    if low == -math.inf and high == math.inf:
        return estimate
    ends = [pen.constant(np.array(end), "end") for end in (low, high)]
    return pen.node("Clip", [estimate, *ends], "limited")
