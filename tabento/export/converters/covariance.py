"""Writes EllipticEnvelope of sklearn.covariance, as a classifier of outliers (label 0) and ordinary rows (label 1).

Digits: a product in the bits of a batch, squares summed by ONNX Runtime; the label is the sign of the decision.
"""

from __future__ import annotations

import numpy as np
from sklearn.covariance import EllipticEnvelope

from tabento.export.converters.linear_model import not_negative
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import product, row_sum
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier


@classifier(EllipticEnvelope)
def elliptic_envelope(writer: GraphWriter, model: EllipticEnvelope, columns: Columns) -> Scores:
    """Write the label 1 for rows whose squared Mahalanobis distance is at most the fitted limit."""
    require_present(writer, model, columns)
    centre = writer.constant(doubles(writer, model.location_).reshape(1, -1).copy(), "centre")
    centred = writer.node("Sub", [columns.name, centre], "moved")
    scaled = product(writer, centred, doubles(writer, model.get_precision()))
    squared = row_sum(writer, writer.node("Mul", [scaled, centred], "squares"))
    offset = writer.constant(np.full((1, 1), float(model.offset_)), "offset")
    decision = writer.node("Sub", [writer.node("Neg", [squared]), offset], "decision")
    return Scores(not_negative(writer, decision), None, decision)
