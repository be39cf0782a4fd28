"""Multi-layer perceptrons: sums, a bend, sums, a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from training.export.linear import doubles, require_present
from training.export.links import above, both_classes, highest, sigmoid, softmax
from training.export.pen import Pen
from training.export.registry import adds_up, classifier, regressor
from training.export.values import Columns, Scores

ACTIVATIONS: dict[str, Callable[[Pen, str], str]] = {
    "exp": lambda pen, value: pen.node("Exp", [value]),
    "identity": lambda _, value: value,
    "logistic": sigmoid,
    "relu": lambda pen, value: pen.node("Relu", [value]),
    "softmax": softmax,
    "tanh": lambda pen, value: pen.node("Tanh", [value]),
}
"""What stands behind a layer, by scikit-learn's name for it."""


def _forward(pen: Pen, model: Any, columns: Columns) -> str:
    """Return the last layer's activation, shape (N, outputs)."""
    require_present(pen, model, columns)
    value = columns.name
    last = len(model.coefs_) - 1
    for at, (weights, offset) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        given = [value, pen.constant(doubles(pen, weights), "weights")]
        value = pen.node("Gemm", [*given, pen.constant(doubles(pen, offset)[np.newaxis], "offset")], "layer")
        name = model.out_activation_ if at == last else model.activation
        activation = ACTIVATIONS.get(name)
        if activation is None:
            raise pen.refusal(
                f"nothing is known about the activation {name!r}", "activation='relu' or activation='tanh'"
            )
        value = activation(pen, value)
    return value


adds_up(MLPRegressor, MLPClassifier)


@regressor(MLPRegressor)
def network_regressor(pen: Pen, model: MLPRegressor, columns: Columns) -> str:
    """The last layer."""
    return _forward(pen, model, columns)


@classifier(MLPClassifier)
def network_classifier(pen: Pen, model: MLPClassifier, columns: Columns) -> Scores:
    """The last layer's probabilities; two classes share one. ``predict`` decides by them, and so does the graph."""
    if model._label_binarizer.y_type_.startswith("multilabel"):
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    chance = _forward(pen, model, columns)
    if model.n_outputs_ == 1:
        return Scores(above(pen, chance, 0.5), both_classes(pen, chance))
    return Scores(highest(pen, chance), chance)
