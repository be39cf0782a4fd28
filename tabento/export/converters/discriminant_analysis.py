"""Writes LinearDiscriminantAnalysis and QuadraticDiscriminantAnalysis of sklearn.discriminant_analysis.

Digits: the linear analysis has the digits of a logistic regression as a classifier, and those of a product as a
transformer. The logarithms and the softmax of the quadratic analysis differ from NumPy in the last bits, so trees
after it are refused.
"""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

from tabento.export.converters.decomposition import without_mean
from tabento.export.converters.linear_model import softmax_classifier
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import column, label_of_largest, product, row_sum, softmax
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, has_inexact_sums, transformer

has_inexact_sums(LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis)


@transformer(LinearDiscriminantAnalysis)
def discriminant_projection(writer: GraphWriter, model: LinearDiscriminantAnalysis, columns: Columns) -> Columns:
    """Write the projections on the directions between classes; only the solver ``svd`` subtracts the mean."""
    require_present(writer, model, columns)
    if model.solver not in ("svd", "eigen"):
        raise writer.refusal(f"solver={model.solver!r} has no transform", "solver='svd'")
    # scikit-learn multiplies by all directions and keeps the first ones.
    scalings, n_components = doubles(writer, model.scalings_), int(model._max_components)
    value = without_mean(writer, columns, doubles(writer, model.xbar_)) if model.solver == "svd" else columns.name
    projected = numbers(product(writer, value, scalings.copy()), scalings.shape[1])
    return writer.pick(projected, list(range(min(n_components, projected.width))))


@classifier(LinearDiscriminantAnalysis)
def linear_discriminant(writer: GraphWriter, model: LinearDiscriminantAnalysis, columns: Columns) -> Scores:
    """Write the sigmoid of the decision of two classes, or the softmax of the decisions of several classes."""
    return softmax_classifier(writer, model, columns)


@classifier(QuadraticDiscriminantAnalysis)
def quadratic_discriminant(writer: GraphWriter, model: QuadraticDiscriminantAnalysis, columns: Columns) -> Scores:
    """Write -½ (|(x - mean) · rotation / √scale|² + Σ log scale) + log prior for each class."""
    require_present(writer, model, columns)
    lengths = []
    for mean, rotation, scale in zip(model.means_, model.rotations_, model.scalings_, strict=True):
        centred = writer.node(
            "Sub", [columns.name, writer.constant(doubles(writer, mean)[np.newaxis], "mean")], "centred"
        )
        placed = product(writer, centred, doubles(writer, rotation) * doubles(writer, scale) ** -0.5)
        lengths.append(row_sum(writer, writer.node("Mul", [placed, placed], "square")))
    spread = np.array([np.sum(np.log(scale)) for scale in model.scalings_])[np.newaxis]
    length = writer.node("Add", [writer.concatenate(lengths), writer.constant(spread, "spread")], "length")
    halved = writer.node("Mul", [length, writer.constant(np.full((1, 1), -0.5), "half")], "halved")
    prior = writer.constant(np.log(doubles(writer, model.priors_))[np.newaxis], "prior")
    scores = writer.node("Add", [halved, prior], "scores")
    decision = scores
    if len(model.classes_) == 2:
        first, second = (column(writer, scores, index) for index in (0, 1))
        decision = writer.node("Sub", [second, first], "decision")
    return Scores(label_of_largest(writer, scores), softmax(writer, scores), decision)
