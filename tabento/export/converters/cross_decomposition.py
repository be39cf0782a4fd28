"""Writes PLSRegression, PLSCanonical, CCA and PLSSVD of sklearn.cross_decomposition, as transformers and as regressors.

Digits: centred columns times fitted matrices, products in the bits of a batch (``tabento.export.formulas.links.product``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression

from tabento.export.converters.decomposition import without_mean
from tabento.export.converters.linear_model import weighted_sums
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import (
    product,
)
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import regressor, transformer


@transformer(PLSRegression, PLSCanonical, CCA, PLSSVD)
def partial_least_squares_scores(
    writer: GraphWriter, model: PLSRegression | PLSCanonical | CCA | PLSSVD, columns: Columns
) -> Columns:
    """Write the scores of a row: standardised columns times rotations."""
    require_present(writer, model, columns)
    rotations = doubles(writer, model.x_weights_ if isinstance(model, PLSSVD) else model.x_rotations_)
    deviations = writer.constant(doubles(writer, model._x_std).reshape(1, -1).copy(), "deviations")
    scaled = writer.node("Div", [without_mean(writer, columns, doubles(writer, model._x_mean)), deviations], "scaled")
    return numbers(product(writer, scaled, rotations.copy()), rotations.shape[1])


@regressor(PLSRegression, PLSCanonical, CCA)
def partial_least_squares(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the weighted sums of the centred columns."""
    require_present(writer, model, columns)
    mean = writer.constant(doubles(writer, model._x_mean)[np.newaxis], "mean")
    centred = numbers(writer.node("Sub", [columns.name, mean], "centred"), columns.width)
    return weighted_sums(writer, centred, model.coef_, model.intercept_)
