"""From named columns to packed rows: the first stage of the export.

A fitted pipeline picks columns of a frame by name and compares categories as strings. The graph takes one float64
tensor, so the same pipeline is written anew over positions and codes, sharing every fitted array with the original. What
comes out is still a scikit-learn pipeline that answers, row for row and bit for bit, what the original answers.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from bundle.contract import Contract, Feature, category_codes
from training.export.errors import ExportError


def recode(pipeline: Pipeline, contract: Contract) -> Pipeline:
    """Return the fitted pipeline, written over packed rows.

    Args:
        pipeline: a fitted pipeline whose first step is a ``ColumnTransformer`` over named columns.
        contract: gives each column its position and each category its code.

    Returns:
        A fitted pipeline that takes float64 rows of shape (N, F). Its arrays belong to the original: don't change them.

    Raises:
        ExportError: the first step is something else, or a category reaches a step that does not encode it.
    """
    name, columns = pipeline.steps[0]
    if not isinstance(columns, ColumnTransformer):
        raise ExportError(
            name,
            f"the first step is a {type(columns).__name__}, which does not say by name which columns it takes",
            "a ColumnTransformer as the first step",
        )
    recoded = copy.copy(columns)
    groups = []
    for group, step, selected in columns.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        names = [selected] if isinstance(selected, str) else list(selected)
        if names:
            positions = [_position(group, column, contract) for column in names]
            groups.append((group, _recoded(group, step, [contract.features[at] for at in positions]), positions))
    recoded.transformers_ = groups
    recoded._n_features = recoded.n_features_in_ = len(contract.features)
    if hasattr(recoded, "feature_names_in_"):
        del recoded.feature_names_in_
    result = copy.copy(pipeline)
    result.steps = [(name, recoded), *pipeline.steps[1:]]
    return result


def _position(group: str, column: object, contract: Contract) -> int:
    if column not in contract.feature_names:
        raise ExportError(
            group,
            f"it takes the column {column!r}, which the contract does not have; it has {list(contract.feature_names)}",
            "columns named as in the contract",
        )
    return contract.feature_names.index(str(column))


def _recoded(group: str, step: Any, features: Sequence[Feature]) -> Any:
    """Return a group's step over codes; steps that see numbers only are taken as they are."""
    categories = [feature.name for feature in features if feature.type == "category"]
    if isinstance(step, Pipeline):
        (first, head), *rest = step.steps
        result = copy.copy(step)
        result.steps = [(first, _recoded(group, head, features)), *rest]
        return result
    step = copy.copy(step)
    if hasattr(step, "feature_names_in_"):
        del step.feature_names_in_
    if not categories:
        return step
    if not isinstance(step, OneHotEncoder):
        kind = "passthrough" if isinstance(step, FunctionTransformer) else type(step).__name__
        raise ExportError(
            group, f"{kind} would see the strings of {categories}", "a OneHotEncoder in front of each category"
        )
    if len(categories) != len(features):
        numbers = [feature.name for feature in features if feature.type != "category"]
        raise ExportError(group, f"it encodes {numbers}, which are numbers", "a OneHotEncoder over categories only")
    step.categories_ = [
        _codes(group, feature, values) for feature, values in zip(features, step.categories_, strict=True)
    ]
    return step


def _codes(group: str, feature: Feature, values: Sequence[object]) -> NDArray[np.float64]:
    """Return the codes of an encoder's categories in its own order, float64; missing is NaN."""
    known = category_codes(feature)
    codes = []
    for value in values:
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        if not missing and value not in known:
            raise ExportError(
                group,
                f"the encoder of {feature.name!r} knows {value!r}, which the contract does not list",
                f"`categories` of {feature.name!r} with every value that the encoder knows",
            )
        codes.append(math.nan if missing else known[str(value)])
    return np.array(codes, dtype=np.float64)
