"""Steps made of steps: pipelines, column transformers, unions, functions and scaled targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from training.export.arrivals import refuse_missing
from training.export.functions import FUNCTIONS, INVERSES, apply_function
from training.export.pen import Pen
from training.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    safe_in_single,
    takes_text,
    transform,
    transformer,
)
from training.export.scaling import by_constant
from training.export.tracing import traced_function
from training.export.values import Columns, Scores

safe_in_single(ColumnTransformer, FeatureUnion, Pipeline)
takes_text(ColumnTransformer, FeatureUnion, FunctionTransformer, Pipeline, TransformedTargetRegressor)


def _is_nothing(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def before_last(pen: Pen, pipeline: Pipeline, columns: Columns) -> Columns:
    """Write all steps of a pipeline but the last."""
    for name, step in pipeline.steps[:-1]:
        if not _is_nothing(step):
            with pen.at(name):
                columns = transform(pen, step, columns)
    return columns


@transformer(Pipeline)
def pipeline_transform(pen: Pen, model: Pipeline, columns: Columns) -> Columns:
    """All steps, one after the other."""
    columns = before_last(pen, model, columns)
    name, last = model.steps[-1]
    if _is_nothing(last):
        return columns
    with pen.at(name):
        return transform(pen, last, columns)


@regressor(Pipeline)
def pipeline_regress(pen: Pen, model: Pipeline, columns: Columns) -> str:
    """All steps but the last transform; the last predicts."""
    columns = before_last(pen, model, columns)
    name, last = model.steps[-1]
    with pen.at(name):
        return regress(pen, last, columns)


@classifier(Pipeline)
def pipeline_classify(pen: Pen, model: Pipeline, columns: Columns) -> Scores:
    """All steps but the last transform; the last classifies."""
    columns = before_last(pen, model, columns)
    name, last = model.steps[-1]
    with pen.at(name):
        return classify(pen, last, columns)


@transformer(ColumnTransformer)
def column_transformer(pen: Pen, model: ColumnTransformer, columns: Columns) -> Columns:
    """Each group its columns, the results side by side."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step, wanted in model.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        with pen.at(name):
            chosen = _positions(pen, model, name, columns)
            if not chosen:
                continue
            # A column that is named without brackets is handed on as a series: text vectorizers need that.
            part = dataclasses.replace(pen.pick(columns, chosen), series=isinstance(wanted, str | int))
            if not _is_nothing(step):
                part = transform(pen, step, part)
            parts.append(_weighted(pen, part, weights.get(name)))
    # Where every group is dropped scikit-learn stops before it decides on that.
    return _joined(pen, parts, sparse=getattr(model, "sparse_output_", False))


def _joined(pen: Pen, parts: Sequence[Columns], *, sparse: bool) -> Columns:
    """Put groups side by side. Their names are the groups' from here on, and later steps count columns."""
    if not any(part.width for part in parts):
        raise pen.refusal("it gives no column", "at least one group with a column")
    joined = pen.join(parts)
    stored = joined.stored if joined.sparse else joined.name
    return dataclasses.replace(joined, names=None, sparse=sparse, stored=stored if sparse else None)


def _positions(pen: Pen, model: ColumnTransformer, name: str, columns: Columns) -> list[int]:
    """Return which columns a group takes."""
    fitted_names = getattr(model, "feature_names_in_", None)
    wanted = list(model._transformer_to_input_indices[name])
    if fitted_names is None or columns.names is None:
        if columns.width != model.n_features_in_:
            raise pen.refusal(
                f"it was fitted on {model.n_features_in_} columns and gets {columns.width}",
                "a column transformer over the columns that it was fitted on",
            )
        return wanted
    missing = [str(fitted_names[at]) for at in wanted if str(fitted_names[at]) not in columns.names]
    if missing:
        raise pen.refusal(
            f"it takes the columns {missing}, which the contract does not have; it has {list(columns.names)}",
            "columns named as in the contract",
        )
    return [columns.names.index(str(fitted_names[at])) for at in wanted]


@transformer(FeatureUnion)
def feature_union(pen: Pen, model: FeatureUnion, columns: Columns) -> Columns:
    """The results of all its transformers side by side."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step in model.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        with pen.at(name):
            part = columns if _is_nothing(step) else transform(pen, step, columns)
            parts.append(_weighted(pen, part, weights.get(name)))
    return _joined(pen, parts, sparse=any(part.sparse for part in parts))


def _weighted(pen: Pen, part: Columns, weight: float | None) -> Columns:
    if weight is None:
        return part
    pen.require_numbers(part)
    weighed = by_constant(pen, part, "Mul", float(weight))
    return dataclasses.replace(weighed, sparse=part.sparse, stored=part.stored, single=part.single)


@transformer(FunctionTransformer)
def function_transformer(pen: Pen, model: FunctionTransformer, columns: Columns) -> Columns:
    """A function that is listed or traced, or none: the columns as they are. ``inverse_func`` is not for ``transform``."""
    if model.func is np.ravel and columns.has_text and columns.width == 1 and not (model.kw_args or model.validate):
        # The usual step between a table of one column and a vectorizer.
        return dataclasses.replace(columns, series=True)
    if model.func is not None and columns.has_text:
        raise pen.refusal("it is a function of texts", "lowercase and strip_accents of TfidfVectorizer")
    if model.func is None:
        if model.validate:
            pen.require_numbers(columns)
            refuse_missing(pen, columns, "validate=True")
        return columns
    if model.kw_args or model.func not in FUNCTIONS:
        return traced_function(pen, model, columns)
    if model.validate:
        refuse_missing(pen, columns, "validate=True")
    return apply_function(pen, model.func, columns)


@regressor(TransformedTargetRegressor)
def transformed_target(pen: Pen, model: TransformedTargetRegressor, columns: Columns) -> str:
    """The regressor's answer, taken back from the scale on which it was learned."""
    with pen.at("regressor"):
        raw = regress(pen, model.regressor_, columns)
    scale = model.transformer_
    inverse: Callable[[Pen, Any, str], str] | None = INVERSES.get(type(scale))
    if inverse is None:
        raise pen.refusal(
            f"its target goes through {type(scale).__name__}",
            "a function and its inverse, or StandardScaler",
        )
    return inverse(pen, scale, raw)
