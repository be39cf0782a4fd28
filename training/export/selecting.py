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

from training.export.arrivals import refuse_missing
from training.export.pen import Pen
from training.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    safe_in_single,
    transformer,
)
from training.export.values import Columns, Scores

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
"""All that tell by ``get_support`` what they keep."""

safe_in_single(*SELECTORS)


@transformer(*SELECTORS)
def select(pen: Pen, model: Any, columns: Columns) -> Columns:
    """The columns that the selector keeps."""
    if not get_tags(model).input_tags.allow_nan:
        refuse_missing(pen, columns, type(model).__name__)
    kept = np.flatnonzero(model.get_support())
    if not len(kept):
        raise pen.refusal("it keeps no column", "a selection of at least one column")
    return dataclasses.replace(pen.pick(columns, kept.tolist()), names=None)


@regressor(RFE, RFECV)
def select_and_regress(pen: Pen, model: RFE | RFECV, columns: Columns) -> str:
    """The estimator that was fitted on the kept columns."""
    with pen.at("estimator"):
        return regress(pen, model.estimator_, select(pen, model, columns))


@classifier(RFE, RFECV)
def select_and_classify(pen: Pen, model: RFE | RFECV, columns: Columns) -> Scores:
    """The estimator that was fitted on the kept columns."""
    with pen.at("estimator"):
        return classify(pen, model.estimator_, select(pen, model, columns))
