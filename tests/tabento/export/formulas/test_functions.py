"""Functions of a FunctionTransformer: known functions, their precision, and trees after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline
from tabento.export.formulas.functions import EXACT, FALLING, FUNCTIONS, RISING
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    expected_output,
    number,
    run,
    write_transformer,
)

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

GENERATOR = np.random.default_rng(71)
CONTRACT = contract_of(number("a", nullable=True), number("b"))
SIZES = np.concatenate(
    [10.0 ** GENERATOR.uniform(-300, 15, 300), 10.0 ** GENERATOR.uniform(-3, 2, 300), [1.0, 0.5, 1e-17, 5e-324]]
)
SIGNED = np.concatenate([SIZES, -SIZES, [0.0, -0.0]])
HALVES = np.arange(-20, 21) / 2
ROWS = np.column_stack([np.append(SIGNED, HALVES), np.append(HALVES, SIGNED)])
ROWS = np.concatenate([ROWS, [[np.nan, 1.0]]])


@pytest.mark.parametrize("function", list(FUNCTIONS), ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero|overflow|underflow) encountered")
def test_function_is_the_pipelines(function: Function) -> None:
    """From the smallest numbers to the largest, both signs, zeros and missing: bit for bit, or to the last bits."""
    transformer = FunctionTransformer(function).fit(to_frame(ROWS, CONTRACT))
    expected = expected_output(transformer, CONTRACT, ROWS)
    graph, columns = write_transformer(transformer, CONTRACT)
    got = run(graph, ROWS)
    assert columns.width == 2
    if function in EXACT:
        np.testing.assert_array_equal(got, expected)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    # Beside zero a logistic function's or a logarithm's error is that of numbers near 1.
    floor = 1e-16 if function in (np.log, np.log2, np.log10, np.tanh, expit) else 1e-320
    np.testing.assert_allclose(got[finite], expected[finite], rtol=2e-14, atol=floor)


@pytest.mark.parametrize("function", [*RISING, *FALLING], ids=lambda function: function.__name__)
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=5, max_bins=14), DecisionTreeRegressor(max_depth=6)]
)
def test_trees_look_through_functions(function: Function, model: Any) -> None:
    """Within the domain on which a function rises or falls, no row takes another branch and nothing is computed."""
    low, high = {**RISING, **FALLING}[function]
    contract = contract_of(number("a", minimum=max(low, -3.0) + 0.25, maximum=min(high, 30.0)))
    rows = GENERATOR.uniform(contract.features[0].lower, contract.features[0].upper, (300, 1))
    target = np.sin(rows[:, 0]) + GENERATOR.normal(0, 0.1, 300)
    pipeline = make_pipeline(FunctionTransformer(function), model).fit(to_frame(rows, contract), target)
    graph = assert_same_branches(pipeline, contract, rows)
    assert next(node for node in graph.nodes if node.op_type == "TreeEnsemble").input[0] == "rows"


def test_domain_ends_where_the_function_turns() -> None:
    """A square is not folded if the contract allows negative numbers, and a quotient if it allows zero."""
    contract = contract_of(number("a", minimum=-2, maximum=2))
    rows = GENERATOR.uniform(-2, 2, (200, 1))
    for function, kind in ((np.square, "Mul"), (np.reciprocal, "Div")):
        model = HistGradientBoostingRegressor(max_iter=5)
        pipeline = make_pipeline(FunctionTransformer(function), model).fit(to_frame(rows, contract), rows[:, 0])
        assert kind in [node.op_type for node in assert_same_branches(pipeline, contract, rows).nodes]


def _custom_function(values: Any) -> Any:
    return values


def test_unknown_function_is_refused_by_name() -> None:
    """An unknown function, and arguments that change a known function, are refused by name."""
    frame = to_frame(ROWS[:5], CONTRACT)
    with pytest.raises(
        ExportError,
        match=r"nothing is known about the function .*_custom_function.*--trust-function .*_custom_function",
    ):
        write_transformer(FunctionTransformer(_custom_function).fit(frame), CONTRACT)
    with pytest.raises(ExportError, match=r"np\.absolute calls np\.absolute with dtype='float32'"):
        write_transformer(FunctionTransformer(np.abs, kw_args={"dtype": "float32"}).fit(frame), CONTRACT)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (np.clip, {"a_min": -2, "a_max": 3}),
        (np.clip, {"min": 0.5}),
        (np.round, {"decimals": 1}),
        (np.nan_to_num, {"nan": -1.0}),
    ],
    ids=["clip", "clip-min", "round", "nan_to_num"],
)
@pytest.mark.parametrize("named", [False, True], ids=["array", "frame"])
def test_arguments_of_known_functions(function: Function, arguments: dict[str, Any], named: bool) -> None:
    """NumPy's functions are called with their arguments, on arrays and on frames; no trust is needed."""
    rows = np.concatenate([GENERATOR.normal(0, 3, (50, 2)), [[np.nan, 1.25], [0.05, -0.15], [2.5, 3.5]]])
    step = FunctionTransformer(function, kw_args=arguments)
    model = step if named else make_pipeline(make_column_transformer(("passthrough", ["a", "b"])), step)
    assert_same(model.fit(to_frame(rows, CONTRACT)), CONTRACT, rows)


def test_no_function_and_validation() -> None:
    """Without a function columns pass as they are; `validate=True` raises on missing values."""
    frame = to_frame(ROWS[:5], CONTRACT)
    assert_same(FunctionTransformer().fit(frame), CONTRACT, ROWS)
    with pytest.raises(ExportError, match=r"validate=True raises on a missing value.*\['a'\]"):
        write_transformer(FunctionTransformer(np.square, validate=True).fit(frame), CONTRACT)


HOURS = contract_of(number("a", minimum=-2, maximum=40))


@pytest.mark.parametrize("turned", [np.abs, np.square], ids=["abs", "square"])
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=5, max_bins=14), DecisionTreeRegressor(max_depth=6)]
)
def test_logarithm_of_what_turns_is_folded_up_to_the_turn(turned: Function, model: Any) -> None:
    """Trees ask about |x| or x², which has the same bits everywhere, and no logarithm is left."""
    contract = contract_of(number("a", minimum=-30, maximum=20))
    rows = GENERATOR.uniform(-30, 20, (300, 1))
    steps = FunctionTransformer(turned), FunctionTransformer(np.log1p)
    pipeline = make_pipeline(*steps, model).fit(to_frame(rows, contract), np.sin(rows[:, 0] / 3))
    assert "Log" not in [node.op_type for node in assert_same_branches(pipeline, contract, rows).nodes]


@pytest.mark.parametrize(
    "function", [np.sin, np.cos, np.log, np.log1p, np.log2], ids=lambda function: function.__name__
)
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=5, max_bins=14), HistGradientBoostingRegressor(max_iter=3)]
)
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered")
def test_trees_look_through_functions_that_turn(function: Function, model: Any) -> None:
    """A sine between its turns, a logarithm that is not defined everywhere: each piece has thresholds of its own."""
    rows = np.append(GENERATOR.uniform(-2, 40, 300), np.arange(-2, 41) / 1.0)[:, np.newaxis]
    pipeline = make_pipeline(FunctionTransformer(function), model)
    pipeline.fit(to_frame(rows, HOURS), np.sin(rows[:, 0]) + GENERATOR.normal(0, 0.1, len(rows)))
    graph = assert_same_branches(pipeline, HOURS, rows)
    assert not {"Sin", "Cos", "Log"} & {node.op_type for node in graph.nodes}


def test_functions_that_cannot_be_folded_are_refused_before_trees() -> None:
    """A tangent, or a sine with too many turning points, is refused before trees and exported before a linear model."""
    rows = GENERATOR.uniform(-2, 40, (100, 1))
    wide = contract_of(number("a"))
    for function, contract in ((np.tan, HOURS), (np.sin, wide)):
        trees = make_pipeline(FunctionTransformer(function), DecisionTreeRegressor(max_depth=3))
        trees.fit(to_frame(rows, contract), rows[:, 0])
        with pytest.raises(
            ExportError, match=rf"decisiontreeregressor.*split on np\.{function.__name__}, whose last bit"
        ):
            export_pipeline(trees, contract)
        export_pipeline(
            make_pipeline(FunctionTransformer(function), Ridge()).fit(to_frame(rows, contract), rows), contract
        )
    steps = FunctionTransformer(np.log2), FunctionTransformer(np.floor)
    with pytest.raises(ExportError, match=r"np\.floor would change with the last bit of np\.log2"):
        export_pipeline(make_pipeline(*steps, Ridge()).fit(to_frame(abs(rows) + 1, HOURS), rows), HOURS)


def test_functions_of_integers() -> None:
    """Codes that are kept as integers answer as numbers do, or the function is refused: 1/2 is 0 among integers."""
    contract = contract_of(category("a", "x", "y", "z"), number("b"))
    rows = np.array([[0, 1.0], [1, 2.0], [2, 0.5], [1, 4.0]])

    def codes(dtype: Any, function: Function) -> Any:
        encoder = make_column_transformer((OrdinalEncoder(dtype=dtype), ["a"]))
        return make_pipeline(encoder, FunctionTransformer(function)).fit(to_frame(rows, contract))

    for ufunc in (np.log1p, np.square, np.sqrt):
        assert_same(codes(np.int64, ufunc), contract, rows, relative=1e-15)
    refusals: list[tuple[Any, Function]] = [
        (int, np.reciprocal),
        (np.int8, np.log1p),
        (np.int32, np.square),
        (bool, np.negative),
    ]
    for dtype, function in refusals:
        model = codes(np.int64, function).set_params(columntransformer__ordinalencoder__dtype=dtype)
        model[0].named_transformers_["ordinalencoder"].dtype = dtype
        with pytest.raises(ExportError, match=rf"{function.__name__} would compute in {np.dtype(dtype)}.*float64"):
            write_transformer(model, contract)
    mixed = make_column_transformer((OrdinalEncoder(dtype=int), ["a"]), ("passthrough", ["b"]))
    # Beside floats in one array they are floats.
    model = make_pipeline(mixed, FunctionTransformer(np.negative)).fit(to_frame(rows, contract))
    assert_same(model, contract, rows)
