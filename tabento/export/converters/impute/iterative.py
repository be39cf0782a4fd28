"""Writes IterativeImputer of sklearn.impute: each column is estimated from the others, in rounds.

The chain is finite: ``imputation_sequence_`` lists every estimator in the order in which ``transform`` calls them. The
graph contains the same ones in the same order and uses an answer if the value is missing (van Buuren, Groothuis-Oudshoorn:
mice, Journal of Statistical Software 45/3, 2011). If every value of all rows of a batch is missing, scikit-learn skips
the rounds. The graph computes them for every row, as scikit-learn does if another row of the batch has a value.

Digits: those of the estimators; trees after the imputer are accepted only if these have no rounding of their own.
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

from tabento.export.analysis.contract_passes import never_missing
from tabento.export.converters.ensemble.forest import FORESTS
from tabento.export.converters.impute.simple import indicators
from tabento.export.converters.tree import TREES
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import regress, transform, transformer

UNSETTLED = "IterativeImputer's estimates, whose last bits depend on the order in which the processor adds"
"""Reason to refuse trees after other estimators: the branch of a row on a threshold is unpredictable."""


@transformer(IterativeImputer)
def iterative_imputer(writer: GraphWriter, model: IterativeImputer, columns: Columns) -> Columns:
    """Write the estimate of the last round for a missing value.

    Columns that were empty in training are dropped, or keep the value of the first imputation.
    """
    writer.require_numbers(columns)
    if model.sample_posterior:
        raise writer.refusal("sample_posterior=True draws random numbers for every answer", "sample_posterior=False")
    if not (isinstance(model.missing_values, float) and math.isnan(model.missing_values)):
        raise writer.refusal(f"missing_values={model.missing_values!r}", "missing_values=NaN")
    if model.keep_empty_features and columns.names is not None:
        raise writer.refusal(
            "keep_empty_features=True writes into a frame of pandas, which raises",
            "a StandardScaler in front of it, or keep_empty_features=False",
        )
    empty = np.asarray(model._is_empty_feature, dtype=bool)
    kept_columns = [index for index in range(columns.width) if model.keep_empty_features or not empty[index]]
    with writer.step_scope("initial_imputer_"):
        filled = transform(writer, model.initial_imputer_, columns)
    if filled.width != len(kept_columns):
        raise writer.refusal(
            f"its first imputation gives {filled.width} columns, its rounds have {len(kept_columns)}",
            "keep_empty_features=True, or columns with at least one value",
        )
    result = filled
    if model.n_iter_:
        result = numbers(_rounds(writer, model, columns, filled, np.array(kept_columns), empty), filled.width)
    if model.indicator_ is None:
        return result
    return writer.join([result, indicators(writer, model.missing_values, columns, model.indicator_.features_)])


def _rounds(
    writer: GraphWriter,
    model: IterativeImputer,
    columns: Columns,
    filled: Columns,
    kept_columns: NDArray[Any],
    empty: NDArray[np.bool_],
) -> str:
    """Return the columns after the last round, shape (N, kept columns)."""
    imputed_columns = [
        index
        for index, column in enumerate(kept_columns.tolist())
        if not empty[column] and not never_missing(writer.graph, columns.name, writer.contract, [column])
    ]
    missing = writer.node("IsNaN", [writer.pick(columns, kept_columns.tolist()).name], "missing")
    value = filled.name
    for number, step in enumerate(model.imputation_sequence_):
        index = int(step.feat_idx)
        if index not in imputed_columns:
            continue
        neighbours = writer.pick(numbers(value, len(kept_columns)), np.asarray(step.neighbor_feat_idx).tolist())
        with writer.step_scope(f"imputation_sequence_[{number}]"):
            estimate = _clip_estimate(writer, model, index, _estimate(writer, step.estimator, neighbours))
        is_column = np.zeros((1, len(kept_columns)), dtype=bool)
        is_column[0, index] = True
        place = writer.node("And", [missing, writer.constant(is_column, "place")], "place")
        value = writer.node("Where", [place, estimate, value], "imputed")
        writer.graph.widths[value] = len(kept_columns)
        if not _is_exact(step.estimator):
            writer.graph.machine_dependent[value] = UNSETTLED
    return value


def _is_exact(estimator: Any) -> bool:
    """Return whether an estimator's answers are equal to the last bit, so that trees can split on them.

    A forest of several threads adds its trees as they finish, and a logarithmic link computes an exponential.
    """
    if type(estimator) in FORESTS:
        return estimator.n_jobs in (None, 1)
    if type(estimator) is HistGradientBoostingRegressor:
        return estimator.loss not in ("gamma", "poisson")
    return type(estimator) in (*TREES, DummyRegressor)


def _estimate(writer: GraphWriter, estimator: Any, neighbours: Columns) -> str:
    """Return the estimate of a fitted estimator, shape (N, 1).

    scikit-learn evaluates it on the rows that miss the value, the graph on all rows. So the two cannot be compared row by row
    at this step, and the proof compares the outputs of the imputer instead.
    """
    graph = writer.graph
    steps, ensembles = len(graph.steps), len(graph.ensembles)
    estimate = regress(writer, estimator, neighbours)
    del graph.steps[steps:]
    if len(graph.ensembles) > ensembles:
        graph.unread.append(writer.step)
    del graph.ensembles[ensembles:]
    return estimate


def _clip_estimate(writer: GraphWriter, model: IterativeImputer, index: int, estimate: str) -> str:
    low, high = float(model._min_value[index]), float(model._max_value[index])
    if low == -math.inf and high == math.inf:
        return estimate
    ends = [writer.constant(np.array(end), "end") for end in (low, high)]
    return writer.node("Clip", [estimate, *ends], "limited")
