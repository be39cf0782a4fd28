"""Writes Pipeline and FeatureUnion of sklearn.pipeline: their steps in order, their parts as adjacent columns.

Digits: the steps' own. A weight of a union is one multiplication in double.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from tabento.export.converters.preprocessing.scalers import by_constant
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    same_in_float32,
    takes_text,
    transform,
    transformer,
)

same_in_float32(FeatureUnion, Pipeline)
takes_text(FeatureUnion, Pipeline)


def is_passthrough(step: Any) -> bool:
    """Return whether a step of a pipeline, union or column transformer changes nothing."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def before_last(writer: GraphWriter, pipeline: Pipeline, columns: Columns) -> Columns:
    """Write all steps of a pipeline except the last."""
    for name, step in pipeline.steps[:-1]:
        if not is_passthrough(step):
            with writer.step_scope(name):
                columns = transform(writer, step, columns)
    return columns


@transformer(Pipeline)
def pipeline_transform(writer: GraphWriter, model: Pipeline, columns: Columns) -> Columns:
    """Write all steps in order."""
    columns = before_last(writer, model, columns)
    name, last = model.steps[-1]
    if is_passthrough(last):
        return columns
    with writer.step_scope(name):
        return transform(writer, last, columns)


@regressor(Pipeline)
def pipeline_regress(writer: GraphWriter, model: Pipeline, columns: Columns) -> str:
    """Write all steps: the last one predicts, the others transform."""
    columns = before_last(writer, model, columns)
    name, last = model.steps[-1]
    with writer.step_scope(name):
        return regress(writer, last, columns)


@classifier(Pipeline)
def pipeline_classify(writer: GraphWriter, model: Pipeline, columns: Columns) -> Scores:
    """Write all steps: the last one classifies, the others transform."""
    columns = before_last(writer, model, columns)
    name, last = model.steps[-1]
    with writer.step_scope(name):
        return classify(writer, last, columns, several=True)


@transformer(FeatureUnion)
def feature_union(writer: GraphWriter, model: FeatureUnion, columns: Columns) -> Columns:
    """Write all transformers and concatenate their results."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step in model.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        with writer.step_scope(name):
            part = columns if is_passthrough(step) else transform(writer, step, columns)
            parts.append(times_weight(writer, part, weights.get(name)))
    return side_by_side(writer, parts, sparse=any(part.sparse for part in parts))


def side_by_side(writer: GraphWriter, parts: Sequence[Columns], *, sparse: bool) -> Columns:
    """Return the results of several transformers as adjacent columns without names, so that later steps count columns."""
    if not any(part.width for part in parts):
        raise writer.refusal("it gives no column", "at least one group with a column")
    joined = writer.join(parts)
    stored = joined.stored if joined.sparse else joined.name
    return dataclasses.replace(joined, names=None, sparse=sparse, stored=stored if sparse else None)


def times_weight(writer: GraphWriter, part: Columns, weight: float | None) -> Columns:
    """Return columns times the weight of their part, or the columns themselves without a weight."""
    if weight is None:
        return part
    writer.require_numbers(part)
    weighed = by_constant(writer, part, "Mul", float(weight))
    return dataclasses.replace(weighed, sparse=part.sparse, stored=part.stored, is_float32=part.is_float32)
