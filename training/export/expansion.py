"""Polynomial features: products of columns, multiplied in scikit-learn's order, so the same doubles."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import PolynomialFeatures

from training.export.arrivals import refuse_missing
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers


@transformer(PolynomialFeatures)
def polynomial(pen: Pen, model: PolynomialFeatures, columns: Columns) -> Columns:
    """All products up to a degree.

    scikit-learn makes the products of degree d from those of degree d - 1: the product of columns i ≤ j ≤ k is
    (k · j) · i. Here each degree is one Mul over the products of the degree below.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "PolynomialFeatures")
    if columns.sparse and model._max_degree > 2:
        raise pen.refusal("it multiplies sparse columns in another order", "sparse_output=False in front of it")
    parts: list[Columns] = []
    if model.include_bias:
        parts.append(_ones(pen, columns))
    terms, products = _first(columns), columns
    for degree in range(1, model._max_degree + 1):
        if degree > 1:
            terms, products = _next(pen, columns, terms, products, only=model.interaction_only)
        if not terms:
            break
        if degree >= model._min_degree:
            parts.append(products)
    if not parts:
        raise pen.refusal("it has no columns", "a degree of at least 1, or include_bias=True")
    return Columns(pen.join(parts).name, (None,) * sum(part.width for part in parts), sparse=columns.sparse)


def _first(columns: Columns) -> list[tuple[int, ...]]:
    return [(at,) for at in range(columns.width)]


def _next(
    pen: Pen, columns: Columns, terms: list[tuple[int, ...]], products: Columns, *, only: bool
) -> tuple[list[tuple[int, ...]], Columns]:
    """Multiply each product with the columns at or in front of its first one; with ``only`` in front of it."""
    pairs = [
        (at, place)
        for at in range(columns.width)
        for place, term in enumerate(terms)
        if (term[0] > at if only else term[0] >= at)
    ]
    if not pairs:
        return [], products
    left = pen.pick(products, [place for _, place in pairs])
    right = pen.pick(columns, [at for at, _ in pairs])
    value = pen.node("Mul", [left.name, right.name], "products")
    return [(at, *terms[place]) for at, place in pairs], numbers(value, len(pairs))


def _ones(pen: Pen, columns: Columns) -> Columns:
    """Return a column of ones: either way out of a Where gives one."""
    one = pen.constant(np.ones((1, 1)), "one")
    test = pen.node("IsNaN", [pen.pick(columns, [0]).name], "missing")
    return numbers(pen.node("Where", [test, one, one], "ones"), 1)
