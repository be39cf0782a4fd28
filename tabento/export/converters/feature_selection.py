"""Feature selection: some of the columns, in their order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.utils import get_tags

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    same_in_float32,
    transformer,
)

SELECTORS = (
    GenericUnivariateSelect,
    RFE,
    RFECV,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
"""Selectors whose ``get_support`` is the mask of the kept columns."""

same_in_float32(*SELECTORS)


@transformer(*SELECTORS)
def select(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the columns that the selector keeps."""
    if not get_tags(model).input_tags.allow_nan:
        refuse_missing(writer, columns, type(model).__name__)
    selected_columns = np.flatnonzero(model.get_support())
    if not len(selected_columns):
        raise writer.refusal("it keeps no column", "a selection of at least one column")
    return dataclasses.replace(writer.pick(columns, selected_columns.tolist()), names=None)


@regressor(RFE, RFECV)
def select_and_regress(writer: GraphWriter, model: RFE | RFECV, columns: Columns) -> str:
    """Write the regressor that was fitted on the kept columns."""
    with writer.step_scope("estimator"):
        return regress(writer, model.estimator_, select(writer, model, columns))


@classifier(RFE, RFECV)
def select_and_classify(writer: GraphWriter, model: RFE | RFECV, columns: Columns) -> Scores:
    """Write the classifier that was fitted on the kept columns."""
    with writer.step_scope("estimator"):
        return classify(writer, model.estimator_, select(writer, model, columns))
