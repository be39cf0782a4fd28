"""Writes FunctionTransformer of sklearn.preprocessing.

Digits: a listed function has NumPy's own where ``tabento.export.formulas.functions`` says so; any other function is traced.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.formulas.functions import FUNCTIONS, apply_function
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    takes_text,
    transformer,
)
from tabento.export.tracing import traced_function

takes_text(FunctionTransformer)


@transformer(FunctionTransformer)
def function_transformer(writer: GraphWriter, model: FunctionTransformer, columns: Columns) -> Columns:
    """Write a listed or traced function, or the columns as they are; ``inverse_func`` is not part of ``transform``."""
    if model.func is np.ravel and columns.has_text and columns.width == 1 and not (model.kw_args or model.validate):
        # The usual step between a table of one column and a vectorizer.
        return dataclasses.replace(columns, series=True)
    if model.func is not None and columns.has_text:
        raise writer.refusal("it is a function of texts", "lowercase and strip_accents of TfidfVectorizer")
    if model.func is None:
        if model.validate:
            writer.require_numbers(columns)
            refuse_missing(writer, columns, "validate=True")
        return columns
    if model.kw_args or model.func not in FUNCTIONS:
        return traced_function(writer, model, columns)
    if model.validate:
        refuse_missing(writer, columns, "validate=True")
    return apply_function(writer, model.func, columns)
