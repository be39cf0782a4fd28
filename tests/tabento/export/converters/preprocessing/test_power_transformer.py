"""Power transforms: near SciPy's last bit, and exact before trees."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, assert_same_branches, contract_of, number, write_transformer
from tests.training.orchards import answers

GENERATOR = np.random.default_rng(61)
CONTRACT = contract_of(number("a", nullable=True), number("b"), number("c"))
POSITIVE = contract_of(*(number(name, minimum=1e-3, nullable=name == "a") for name in "abc"))
SKEWED = np.column_stack(
    [
        np.where(GENERATOR.random(300) < 0.1, np.nan, GENERATOR.lognormal(1, 1, 300)),
        GENERATOR.gamma(2.0, 3.0, 300) + 1e-3,
        GENERATOR.integers(1, 5, 300).astype(np.float64),
    ]
)
CENTRED = SKEWED - np.array([3.0, 6.0, 2.0])
TARGET = np.nan_to_num(SKEWED[:, 0]) + np.log(SKEWED[:, 1]) + SKEWED[:, 2] ** 2


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("exponents", [None, [0.0, 2.0, 1.0], [-3.0, 5.0, 1e-17], [1e-5, 2.00001, 0.5]])
def test_yeo_johnson(standardize: bool, exponents: list[float] | None) -> None:
    """Both signs, zero, small numbers, logarithmic exponents and missing values agree."""
    model = PowerTransformer(standardize=standardize).fit(to_frame(CENTRED, CONTRACT))
    if exponents is not None:
        model.lambdas_ = np.array(exponents)
    small = np.concatenate([np.full((1, 3), value) for value in (0.0, -0.0, 1e-300, -1e-12, 5e-324, 1e-8, 40.0, -30.0)])
    assert_same(model, CONTRACT, np.concatenate([CENTRED, small]), relative=1e-14 if not standardize else 1e-13)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("exponents", [None, [0.0, 2.0, -1.0], [1e-10, 0.5, 0.0]])
def test_box_cox(standardize: bool, exponents: list[float] | None) -> None:
    """Positive numbers agree, down to the contract's minimum."""
    model = PowerTransformer("box-cox", standardize=standardize).fit(to_frame(SKEWED, POSITIVE))
    if exponents is not None:
        model.lambdas_ = np.array(exponents)
    rows = np.concatenate([SKEWED, np.full((1, 3), 1e-3), np.full((1, 3), 1e5), np.full((1, 3), 1 + 1e-15)])
    assert_same(model, POSITIVE, rows, relative=1e-13)


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=10, max_bins=12), DecisionTreeRegressor(max_depth=7)]
)
def test_trees_look_through_powers(method: Literal["yeo-johnson", "box-cox"], model: Any) -> None:
    """Training rows on the thresholds take the same branch, although powers differ in the last bit."""
    pipeline = make_pipeline(PowerTransformer(method), model).fit(to_frame(SKEWED, POSITIVE), TARGET)
    graph = assert_same_branches(pipeline, POSITIVE, SKEWED)
    trees = [node for node in graph.nodes if node.op_type == "TreeEnsemble"]
    assert [node.input[0] for node in trees] == ["rows"]
    assert not {node.op_type for node in graph.nodes} & {"Exp", "Log"}


def test_box_cox_of_what_may_be_zero_is_refused() -> None:
    """Box-Cox is refused if the contract allows 0, because scikit-learn raises."""
    model = PowerTransformer("box-cox").fit(to_frame(SKEWED, CONTRACT))
    with pytest.raises(ExportError, match=r"box-cox raises on 0.*'a'.*`minimum` above 0"):
        write_transformer(model, CONTRACT)


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize("exponent", [None, 0.0, 2.0, -0.5])
def test_target_comes_back_from_its_power(method: Literal["yeo-johnson", "box-cox"], exponent: float | None) -> None:
    """The inverse agrees, on both sides of zero for Yeo-Johnson."""
    target = SKEWED[:, 1] if method == "box-cox" else CENTRED[:, 1]
    model = TransformedTargetRegressor(LinearRegression(), transformer=PowerTransformer(method))
    frame = to_frame(np.nan_to_num(CENTRED), CONTRACT)
    model.fit(frame, target)
    if exponent is not None:
        model.transformer_.lambdas_ = np.array([exponent])
        model.transformer_._scaler.scale_ = np.array([0.1])
    contract = contract_of(*(number(name) for name in "abc"))
    rows = np.nan_to_num(CENTRED)
    actual = answers(serialise(export_pipeline(model, contract)), rows)
    np.testing.assert_allclose(actual, model.predict(frame), rtol=1e-12, atol=1e-13)
