"""Multi-layer perceptrons: every activation, every output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
SHAPE: dict[str, Any] = {"hidden_layer_sizes": (20, 7), "max_iter": 20, "random_state": 0}


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_regressor(activation: str) -> None:
    """One target and several agree, also for distant rows."""
    far = np.vstack([ROWS, 1e4 * ROWS[:20]])
    check(MLPRegressor(activation=activation, **SHAPE).fit(ROWS[:300], NUMBERS[:300]), far)
    targets = np.column_stack([NUMBERS, -NUMBERS])[:300]
    check(MLPRegressor(activation=activation, **SHAPE).fit(ROWS[:300], targets), far)


def test_regressor_of_counts() -> None:
    """The Poisson loss ends in an exponential."""
    check(MLPRegressor(loss="poisson", **SHAPE).fit(ROWS[:300], np.exp(NUMBERS[:300])), ROWS)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [3, 1, 2]], ids=str)
def test_classifier(names: list[Any], activation: str) -> None:
    """Two classes share one output; more classes have one output each."""
    model = MLPClassifier(activation=activation, **SHAPE).fit(ROWS[:300], labels(RAW, names)[:300])
    check(model, np.vstack([ROWS, 1e4 * ROWS[:20]]))


def test_float32_is_refused() -> None:
    """A network that was fitted on float32 is refused, because it computes in float32."""
    model = MLPRegressor(**SHAPE).fit(ROWS[:100].astype(np.float32), NUMBERS[:100])
    with pytest.raises(ExportError, match="float32"):
        write(model, 6)


def test_unknown_activation_is_refused() -> None:
    """The error names an unknown activation."""
    model = MLPRegressor(**SHAPE).fit(ROWS[:100], NUMBERS[:100])
    model.activation = "swish"
    with pytest.raises(ExportError, match="activation 'swish'"):
        write(model, 6)
