"""Writes PolynomialFeatures of sklearn.preprocessing: products of columns.

Digits: multiplied in scikit-learn's order, so the same doubles.
"""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import PolynomialFeatures

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(PolynomialFeatures)
def polynomial(writer: GraphWriter, model: PolynomialFeatures, columns: Columns) -> Columns:
    """Write all products up to a degree.

    scikit-learn computes the products of degree d from those of degree d - 1: the product of columns i ≤ j ≤ k is
    (k · j) · i. Here each degree is one Mul over the products of the degree below.
    """
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "PolynomialFeatures")
    if columns.sparse and model._max_degree > 2:
        raise writer.refusal("it multiplies sparse columns in another order", "sparse_output=False in front of it")
    parts: list[Columns] = []
    if model.include_bias:
        parts.append(_ones(writer, columns))
    terms, products = _single_columns(columns), columns
    for degree in range(1, model._max_degree + 1):
        if degree > 1:
            terms, products = _next(writer, columns, terms, products, only=model.interaction_only)
        if not terms:
            break
        if degree >= model._min_degree:
            parts.append(products)
    if not parts:
        raise writer.refusal("it has no columns", "a degree of at least 1, or include_bias=True")
    return Columns(writer.join(parts).name, (None,) * sum(part.width for part in parts), sparse=columns.sparse)


def _single_columns(columns: Columns) -> list[tuple[int, ...]]:
    return [(index,) for index in range(columns.width)]


def _next(
    writer: GraphWriter, columns: Columns, terms: list[tuple[int, ...]], products: Columns, *, only: bool
) -> tuple[list[tuple[int, ...]], Columns]:
    """Return the products of the next degree: each product times the columns up to its first one, or before it with ``only``."""
    pairs = [
        (index, place)
        for index in range(columns.width)
        for place, term in enumerate(terms)
        if (term[0] > index if only else term[0] >= index)
    ]
    if not pairs:
        return [], products
    left = writer.pick(products, [place for _, place in pairs])
    right = writer.pick(columns, [index for index, _ in pairs])
    value = writer.node("Mul", [left.name, right.name], "products")
    return [(index, *terms[place]) for index, place in pairs], numbers(value, len(pairs))


def _ones(writer: GraphWriter, columns: Columns) -> Columns:
    """Return a column of ones: a Where with 1 on both sides."""
    ones = writer.constant(np.ones((1, 1)), "one")
    test = writer.node("IsNaN", [writer.pick(columns, [0]).name], "missing")
    return numbers(writer.node("Where", [test, ones, ones], "ones"), 1)
