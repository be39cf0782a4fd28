"""Writes MLPRegressor and MLPClassifier of sklearn.neural_network.

Digits: sums of products and activations differ from BLAS and NumPy in the last bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.class_indices import indicator_scores
from tabento.export.formulas.links import both_probabilities, label_above, label_of_largest, sigmoid, softmax
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.label_answers import answers_indicators
from tabento.export.registry import classifier, has_inexact_sums, regressor

ACTIVATIONS: dict[str, Callable[[GraphWriter, str], str]] = {
    "exp": lambda writer, value: writer.node("Exp", [value]),
    "identity": lambda _, value: value,
    "logistic": sigmoid,
    "relu": lambda writer, value: writer.node("Relu", [value]),
    "softmax": softmax,
    "tanh": lambda writer, value: writer.node("Tanh", [value]),
}
"""The functions after a layer, by scikit-learn's names."""


def _forward(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Return the last layer's activation, shape (N, outputs)."""
    require_present(writer, model, columns)
    value = columns.name
    last = len(model.coefs_) - 1
    for index, (weights, offset) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        operands = [value, writer.constant(doubles(writer, weights), "weights")]
        value = writer.node(
            "Gemm", [*operands, writer.constant(doubles(writer, offset)[np.newaxis], "offset")], "layer"
        )
        name = model.out_activation_ if index == last else model.activation
        activation = ACTIVATIONS.get(name)
        if activation is None:
            raise writer.refusal(
                f"nothing is known about the activation {name!r}", "activation='relu' or activation='tanh'"
            )
        value = activation(writer, value)
    return value


has_inexact_sums(MLPRegressor, MLPClassifier)


@regressor(MLPRegressor)
def network_regressor(writer: GraphWriter, model: MLPRegressor, columns: Columns) -> str:
    """Write the last layer."""
    return _forward(writer, model, columns)


@classifier(MLPClassifier)
def network_classifier(writer: GraphWriter, model: MLPClassifier, columns: Columns) -> Scores:
    """Write the last layer's probabilities; two classes share one output. The label follows from them, as in ``predict``."""
    chance = _forward(writer, model, columns)
    if answers_indicators(model):
        return indicator_scores(writer, model, label_above(writer, chance, 0.5), int(model.n_outputs_))
    if model.n_outputs_ == 1:
        return Scores(label_above(writer, chance, 0.5), both_probabilities(writer, chance))
    return Scores(label_of_largest(writer, chance), chance)
