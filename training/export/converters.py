"""Converters: how each step is written in ONNX, in double, through skl2onnx's registration.

They are handed to each conversion rather than registered for the whole process, so that the naive conversion stays
what it is. A converter writes the plainest graph that is exact; making it fast is left to the passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.proto import onnx_proto
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from training.export.errors import ExportError
from training.export.graph import TREE_DOMAIN
from training.export.trees import boosted_trees
from training.pipeline import square_of_positive
from training.transformers.cluster_similarity import ClusterSimilarity
from training.transformers.ratios import Ratios

Converter = Callable[[Any, Any, Any], None]


@dataclass(frozen=True)
class Select:
    """Some columns of a tensor, by position; an operator of the export that no scikit-learn class stands for."""

    positions: tuple[int, ...]


@dataclass(frozen=True)
class Unscale:
    """The way back from the scale on which a target was learned."""

    inverse: Callable[[NDArray[np.float64]], NDArray[np.float64]]


class _Writer:
    """One converter's pen: adds nodes and constants to skl2onnx's container under names that skl2onnx hands out."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.container = scope, container
        self.model = operator.raw_operator
        self.source: str = operator.inputs[0].full_name
        self.target: str = operator.outputs[0].full_name

    def constant(self, array: NDArray[Any], hint: str) -> str:
        name: str = self.scope.get_unique_variable_name(hint)
        kind = onnx_proto.TensorProto.DOUBLE if array.dtype == np.float64 else onnx_proto.TensorProto.INT64
        self.container.add_initializer(name, kind, list(array.shape), array.ravel().tolist())
        return name

    def node(self, kind: str, inputs: list[str], hint: str = "", *, last: bool = False, **attributes: Any) -> str:
        output: str = self.target if last else self.scope.get_unique_variable_name(hint or kind.lower())
        version = 1 if attributes.get("op_domain") == TREE_DOMAIN else None
        if version:
            attributes["op_version"] = version
        self.container.add_node(kind, inputs, [output], name=self.scope.get_unique_operator_name(kind), **attributes)
        return output

    def columns(self, positions: NDArray[np.int64], hint: str) -> str:
        """Gather columns; positions of shape (k,) give (N, k), of shape (d, 1) give (N, d, 1)."""
        return self.node("Gather", [self.source, self.constant(positions, "columns")], hint, axis=1)


def _select(scope: Any, operator: Any, container: Any) -> None:
    pen = _Writer(scope, operator, container)
    positions = pen.constant(np.array(pen.model.positions, dtype=np.int64), "columns")
    pen.node("Gather", [pen.source, positions], last=True, axis=1)


def _identity(scope: Any, operator: Any, container: Any) -> None:
    pen = _Writer(scope, operator, container)
    if pen.model.func is not None:
        name = getattr(pen.model.func, "__name__", "a function")
        raise ExportError("FunctionTransformer", f"nothing is known about {name}", "passthrough, Ratios")
    pen.node("Identity", [pen.source], last=True)


def _simple_imputer(scope: Any, operator: Any, container: Any) -> None:
    """NaN → the learned statistic. ONNX Runtime's ``Imputer`` knows float32 only, so: IsNaN and Where."""
    pen = _Writer(scope, operator, container)
    missing_is_nan = isinstance(pen.model.missing_values, float) and np.isnan(pen.model.missing_values)
    if not missing_is_nan or pen.model.add_indicator:
        raise ExportError(
            "SimpleImputer",
            f"missing_values={pen.model.missing_values!r} with add_indicator={pen.model.add_indicator}",
            "missing_values=NaN without an indicator",
        )
    statistics = np.asarray(pen.model.statistics_, dtype=np.float64)
    if np.isnan(statistics).any():
        raise ExportError(
            "SimpleImputer", "a column had no value when it was fitted", "columns with at least one value"
        )
    missing = pen.node("IsNaN", [pen.source], "missing")
    pen.node("Where", [missing, pen.constant(statistics[np.newaxis], "statistics"), pen.source], last=True)


def _ratios(scope: Any, operator: Any, container: Any) -> None:
    """The quotient, or NaN where the denominator is 0."""
    pen = _Writer(scope, operator, container)
    top = pen.columns(np.asarray(pen.model.numerators_, dtype=np.int64), "numerators")
    bottom = pen.columns(np.asarray(pen.model.denominators_, dtype=np.int64), "denominators")
    quotient = pen.node("Div", [top, bottom], "quotient")
    zero = pen.node("Equal", [bottom, pen.constant(np.zeros((1, 1)), "zero")], "zero")
    pen.node("Where", [zero, pen.constant(np.full((1, 1), np.nan), "nan"), quotient], last=True)


def _cluster_similarity(scope: Any, operator: Any, container: Any) -> None:
    """exp(-gamma · Σ (x - c)²): squared distances to K centres over a (N, D, K) tensor.

    ONNX Runtime's ReduceSum over a middle axis adds in order, as the transformer does.
    """
    pen = _Writer(scope, operator, container)
    centres = np.asarray(pen.model.centres_, dtype=np.float64)
    place = pen.columns(np.arange(centres.shape[1], dtype=np.int64)[:, np.newaxis], "place")
    difference = pen.node("Sub", [place, pen.constant(centres.T.copy(), "centres")], "difference")
    square = pen.node("Mul", [difference, difference], "square")
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    squared = pen.node("ReduceSum", [square, axis], "squared_distance", keepdims=0)
    exponent = pen.node("Mul", [squared, pen.constant(np.full((1, 1), -float(pen.model.gamma)), "gamma")], "exponent")
    pen.node("Exp", [exponent], last=True)


def _one_hot(scope: Any, operator: Any, container: Any) -> None:
    """Codes against codes: one column per known code, all zero for an unknown one."""
    pen = _Writer(scope, operator, container)
    encoder = pen.model
    if encoder.drop_idx_ is not None or encoder._infrequent_enabled:
        raise ExportError("OneHotEncoder", "it drops or groups categories", "drop=None without min_frequency")
    if encoder.handle_unknown != "ignore" and any(len(codes) == 0 for codes in encoder.categories_):
        raise ExportError("OneHotEncoder", "a column has no category", "at least one category per column")
    positions = np.concatenate([np.full(len(codes), at) for at, codes in enumerate(encoder.categories_)])
    codes = np.concatenate(encoder.categories_)
    repeated = pen.columns(positions.astype(np.int64), "codes")
    missing = np.isnan(codes)
    if missing.any():
        # NaN equals nothing, itself included. A code that is never sent stands in for it.
        repeated = pen.node(
            "Where",
            [pen.node("IsNaN", [repeated], "missing"), pen.constant(np.full((1, 1), _MISSING), "code"), repeated],
        )
    known = pen.constant(np.where(missing, _MISSING, codes)[np.newaxis], "known")
    same = pen.node("Equal", [repeated, known], "same")
    pen.node("Cast", [same], last=True, to=onnx_proto.TensorProto.DOUBLE)


_MISSING = -2.0
"""Below every category's code and below ``UNKNOWN_CATEGORY``."""


def _boosting(scope: Any, operator: Any, container: Any) -> None:
    pen = _Writer(scope, operator, container)
    trees = boosted_trees(pen.model, type(pen.model).__name__)
    pen.node("TreeEnsemble", [pen.source], last=True, op_domain=TREE_DOMAIN, **trees.attributes())


def _unscale(scope: Any, operator: Any, container: Any) -> None:
    pen = _Writer(scope, operator, container)
    if pen.model.inverse is square_of_positive:
        positive = pen.node("Max", [pen.source, pen.constant(np.zeros((1, 1)), "zero")], "positive", op_version=13)
        pen.node("Mul", [positive, positive], last=True)
    elif pen.model.inverse is np.exp:
        pen.node("Exp", [pen.source], last=True)
    else:
        name = getattr(pen.model.inverse, "__name__", "a function")
        raise ExportError(
            "TransformedTargetRegressor", f"nothing is known about the inverse {name}", "the sqrt and log target scales"
        )


def _parse_columns(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Give each group of a column transformer its columns and put the results side by side.

    skl2onnx's own parser takes a group with as many columns as the table for the table itself, in whatever order.
    """
    results = []
    for _, step, positions in model.transformers_:
        chosen = _declared(scope, Select(tuple(positions)), "Select", inputs, len(positions))
        results.append(_parse_sklearn(scope, step, [chosen], custom_parsers=custom_parsers)[0])
    if len(results) == 1:
        return results
    joined = scope.declare_local_operator("SklearnConcat")
    joined.inputs = results
    joined.outputs.append(scope.declare_local_variable("features", DoubleTensorType([None, None])))
    return joined.outputs


def _parse_target(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    raw = _parse_sklearn(scope, model.regressor_, inputs, custom_parsers=custom_parsers)
    if not isinstance(model.transformer_, FunctionTransformer):
        kind = type(model.transformer_).__name__
        raise ExportError("TransformedTargetRegressor", f"its target goes through {kind}", "a function and its inverse")
    return [_declared(scope, Unscale(model.transformer_.inverse_func), "Unscale", raw, 1)]


def _declared(scope: Any, raw: object, kind: str, inputs: Any, width: int) -> Any:
    operator = scope.declare_local_operator(f"Tabento{kind}", raw)
    operator.inputs = inputs
    output = scope.declare_local_variable(kind.lower(), DoubleTensorType([None, width]))
    operator.outputs.append(output)
    return output


def _double(operator: Any) -> None:
    """Every step takes and gives double; widths are read from the graph later."""
    operator.outputs[0].type = DoubleTensorType([None, None])


CONVERTERS: dict[type, Converter] = {
    Select: _select,
    FunctionTransformer: _identity,
    SimpleImputer: _simple_imputer,
    Ratios: _ratios,
    ClusterSimilarity: _cluster_similarity,
    OneHotEncoder: _one_hot,
    HistGradientBoostingRegressor: _boosting,
    Unscale: _unscale,
}
"""What is converted by this package; everything else is refused for now rather than left to float32."""

SHAPES: dict[type, Callable[[Any], None]] = dict.fromkeys(CONVERTERS, _double)
PARSERS: dict[type, Callable[..., Any]] = {
    ColumnTransformer: _parse_columns,
    TransformedTargetRegressor: _parse_target,
}
