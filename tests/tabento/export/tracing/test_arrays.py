"""Functions of arrays: the graph has NumPy's bits if ONNX Runtime has the same functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tabento.export.tracing.functions import assert_traced

EXACT = {
    "ratio": lambda X: np.c_[X, X[:, 0] / X[:, 2]],
    "stack": lambda X: np.column_stack([X[:, 0] - X[:, 2], np.asarray(X)[:, 1] * 2]),
    "hstack": lambda X: np.hstack([X[:, [0]], X[:, 1:], X[..., -1].reshape(-1, 1), X[:, 0, None]]),
    "concatenate": lambda X: np.concatenate((X, np.ones((len(X), 1)), -X[:, :1]), axis=1),
    "where": lambda X: np.where(X > 3, X * 2, -1.0),
    "select": lambda X: np.select([X < 0, X < 5], [-1.0, X], default=9.0),
    "logic": lambda X: np.where((X[:, [0]] > 0) & ~(X[:, [2]] <= 4) | np.isnan(X[:, [1]]), 1.0, 0.0),
    "truth": lambda X: X[:, [2]] < X,
    "truth as numbers": lambda X: (X >= 2).astype(int) + 1,
    "sum": lambda X: np.hstack([X.sum(axis=1, keepdims=True), np.mean(X, axis=1)[:, np.newaxis]]),
    "extremes": lambda X: np.stack([X.max(axis=1), np.min(X, axis=-1)], axis=1),
    "remainder": lambda X: np.hstack([X % 7, X % -2.5, X // 3, X // -0.7]),
    "round": lambda X: np.hstack([np.round(X, 1), np.around(X), X.round(-1), np.rint(X), np.trunc(X)]),
    "clip": lambda X: np.hstack([np.clip(X, 0, 5), X.clip(None, 2), np.maximum(X, 1), np.minimum(X, X[:, [0]])]),
    "powers": lambda X: np.hstack([X**2, np.abs(X) ** 0.5, X[:, [2]] ** -1, X**1, np.square(X)]),
    "missing": lambda X: np.hstack([np.nan_to_num(X, nan=-1), np.isfinite(X), np.where(np.isnan(X), 0, X)]),
    "degrees": lambda X: np.hstack([np.deg2rad(X), np.degrees(X), np.fabs(X), np.positive(X)]),
    "difference": lambda X: np.diff(X, axis=1),
    "weights": lambda X: (X - np.array([1.0, 2.0, 3.0])) * [2, 0.5, -1] / 3 + np.float64(0.1),
    "rows one by one": lambda X: np.array([[row[0] / row[2], row[1]] for row in X]),
    "apply along axis": lambda X: np.apply_along_axis(lambda row: np.array([row[0] - row[2]]), 1, X),
    "asks for the type": lambda X: X * 2 if X.dtype == np.float64 and (X > 1).dtype.kind == "b" else X,
    "constant": lambda X: np.column_stack([np.zeros(len(X)), np.full_like(X[:, 0], 2.5), np.ones_like(X[:, 0])]),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_functions_have_the_same_bits(name: str) -> None:
    """Shapes, comparisons and arithmetic, with missing values among the numbers."""
    assert_traced(EXACT[name])


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.hstack([np.log1p(np.abs(X)), np.exp(-X / 5), np.log(X[:, [2]]), np.sqrt(X[:, [2]])]),
        lambda X: np.hstack([np.sin(2 * np.pi * X / 24), np.cos(X), np.tan(X), np.arctan(X), np.tanh(X)]),
        lambda X: np.hstack([np.power(X[:, [2]], 1.7), 2.0**X, X[:, [2]] ** X[:, [0]], np.hypot(X, X[:, [0]])]),
    ],
    ids=["logarithms", "angles", "powers"],
)
def test_other_functions_agree_to_rounding(function: Any) -> None:
    """Logarithms, angles and powers differ from NumPy's in the last bits at most."""
    assert_traced(function, relative=4e-15)


def _in_place(X: Any) -> Any:
    X = X.copy()
    X[:, 0] = np.maximum(X[:, 0], 0)
    X[:, 1:] += 1
    X **= 2
    return X


def _into_new(X: Any) -> Any:
    result = np.zeros((len(X), 3))
    result[:, 0] = X[:, 0] / X[:, 2]
    result[:, 1:] = X[:, 1:]
    other = np.empty_like(X)
    other[...] = 1
    return np.hstack([result, other, np.full((X.shape[0], 1), 7.0)])


@pytest.mark.parametrize("function", [_in_place, _into_new])
def test_arrays_can_be_written_into(function: Any) -> None:
    """A copy whose columns are set, or a new array, is the array that NumPy would make."""
    assert_traced(function)
