"""Functions that cannot be traced: the error names the operation, the line and the remedy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.validation import check_array, validate_data

from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.tracing.trust import full_name, trusted_functions
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    write_transformer,
)
from tests.tabento.export.tracing.functions import CONTRACT, fit, rows, trace


def _branches(X: Any) -> Any:
    if X[0, 0] > 3:
        return X
    return X


def _catches(X: Any) -> Any:
    try:
        return X if X[0, 0] > 3 else X * 2
    except:  # noqa: E722
        return X * 3


REFUSED_FUNCTIONS = {
    "caught": (_catches, "branches on data"),
    "one row": (lambda X: X if len(X) > 1 else X * 2, "computes with the number of rows"),
    "branch": (_branches, r"_branches branches on data.*\(line \d+ of test_trace.py: if X\[0, 0\] > 3:\).*np\.where"),
    "python max": (lambda X: np.array([[max(row[0], row[1])] for row in X]), "branches on data"),
    "math": (lambda X: np.array([[math.log(abs(row[2]) + 1)] for row in X]), "makes a Python number"),
    "several rows": (lambda X: X - X.mean(axis=0), "several rows at once.*learns such numbers in `fit`"),
    "number of rows": (lambda X: X / len(X), "computes with the number of rows"),
    "order of rows": (lambda X: X[::-1], "puts rows into another order"),
    "some rows": (lambda X: np.vstack([X[:1] * 2, X[1:]]), "different results for different rows"),
    "mask": (lambda X: X[X[:, 0] > 0], "raised IndexError.*line"),
    "unknown": (lambda X: np.cumsum(X, axis=1), r"calls np\.cumsum, which is not known"),
    "unknown ufunc": (lambda X: np.gcd(X, X), "calls gcd, which is not known"),
    "single": (lambda X: X.astype(np.float32), "computes in float32.*float64"),
    "integers": (lambda X: X.astype(int), "turns numbers into integers.*np.floor"),
    "truth added": (lambda X: (X > 1) + (X > 2), r"np\.add with truth values alone"),
    "truth logarithm": (lambda X: np.log(X > 1), r"np\.log with truth values alone"),
    "divisor": (lambda X: X % X[:, [0]], "a divisor that is not a constant"),
    "jump": (lambda X: np.floor(np.log2(abs(X) + 1)), r"np\.floor with np\.log2, whose last bit"),
    "compared": (lambda X: np.exp(X) > 2, r"a comparison with np\.exp"),
    "one dimension": (lambda X: X[:, 0] + 1, r"returns an array of shape \('rows',\)"),
    "no array": (lambda X: 3, "returns a int"),
    "argument": (lambda X: np.log(X, dtype=np.float32), r"calls np\.log with dtype="),
    "wrong place": (lambda X: X[:, 7], "raised IndexError: index 7 is out of bounds.*test_trace.py"),
}


@pytest.mark.parametrize("name", REFUSED_FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_functions_that_cannot_be_traced_are_refused(name: str) -> None:
    """The error names the operation as text."""
    function, message = REFUSED_FUNCTIONS[name]
    model = make_pipeline(FunctionTransformer(), FunctionTransformer(function))
    # Fitting a function transformer calls no function.
    model.fit(rows())
    with trusted_functions([full_name(function)]), pytest.raises(ExportError, match=message):
        write_transformer(make_pipeline(_array(), model[-1]), CONTRACT)


def _array() -> Any:
    return fit(np.negative)[0]


FRAMES = {
    "rows": (lambda df: df.dropna(), r"uses `\.dropna` of a DataFrame"),
    "whole column": (lambda df: df.fillna(df["b"].median()), "computes with a whole column.*SimpleImputer"),
    "mask": (lambda df: df[df["a"] > 0], "selects rows.*np.where"),
    "set rows": (lambda df: df.loc.__setitem__((df["a"] > 0, "a"), 1), "selects rows"),
    "row by row": (lambda df: df.apply(lambda row: row["a"], axis=1), "calls a function for each row"),
    "alignment": (lambda df: df - df["a"], "computes a frame with a column"),
    "missing column": (lambda df: df[["a", "z"]], "raised KeyError: 'z'"),
    "series": (lambda df: df["a"] * 2, "returns a Series"),
    "truth among numbers": (lambda df: df.assign(a=df["a"] > 1).to_numpy(), "numbers and truth values"),
    "branch": (lambda df: df if df["a"] > 1 else df * 2, "branches on data"),
    "fill by column": (lambda df: df.fillna({"a": 1}), "more than one value"),
    "drop rows": (lambda df: df.drop(0), "drops rows"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_unsupported_methods_of_frames_are_refused(name: str) -> None:
    """The error names the method of the frame, and the remedy."""
    function, message = FRAMES[name]
    with pytest.raises(ExportError, match=message):
        trace(function, frame=True)


def test_a_function_runs_only_if_it_is_trusted() -> None:
    """Otherwise the refusal names the option, and the function is not called."""
    called = []

    def spy(X: Any) -> Any:
        called.append(1)
        return X

    model = fit(spy)
    called.clear()
    with pytest.raises(ExportError, match=r"nothing is known about the function .*spy.*--trust-function"):
        write_transformer(model, CONTRACT)
    assert not called
    with trusted_functions([full_name(spy)]):
        write_transformer(model, CONTRACT)
    assert called


def test_texts_cannot_be_computed_with() -> None:
    """A function that scales every column of a frame meets a column of texts."""

    def double(df: Any) -> Any:
        return df * 2

    contract = contract_of(number("a"), category("kind", "x", "y"))
    model = FunctionTransformer(double).fit(to_frame(np.array([[1.0, 0], [2.0, 1]]), contract))
    with trusted_functions([full_name(double)]), pytest.raises(ExportError, match=r"np\.multiply with texts.*encoder"):
        write_transformer(model, contract)


def test_integers_in_front_are_refused() -> None:
    """NumPy would compute in the encoder's type."""
    contract = contract_of(category("kind", "x", "y"))
    model = make_pipeline(OrdinalEncoder(dtype=np.int32), FunctionTransformer(np.clip, kw_args={"min": 1}))
    with pytest.raises(ExportError, match="would compute in int32"):
        write_transformer(model.fit(to_frame(np.array([[0.0], [1.0]]), contract)), contract)


@pytest.mark.parametrize("model", [HistGradientBoostingRegressor(max_iter=5), DecisionTreeRegressor(max_depth=5)])
def test_trees_look_through_traced_functions(model: Any) -> None:
    """Constants, logarithms and angles are folded; a sum of columns and a quotient are computed; no branch differs."""

    def features(df: Any) -> Any:
        hour = 2 * np.pi * df["a"] / 24
        return df.assign(sin=np.sin(hour), cos=np.cos(hour), log=3 - np.log1p(df["c"]) * 2, ratio=df.a / df.c)

    contract = contract_of(number("a", minimum=-20, maximum=24), number("c", minimum=1, maximum=90))
    table = np.column_stack([rows(200)[:, 0], rows(200)[:, 2] * 9])
    pipeline = make_pipeline(FunctionTransformer(features), model)
    pipeline.fit(to_frame(table, contract), np.sin(table[:, 0] / 4) + np.log(table[:, 1]) + table[:, 0] / table[:, 1])
    with trusted_functions([full_name(features)]):
        graph = assert_same_branches(pipeline, contract, table)
        assert not {"Log", "Sin", "Cos"} & {node.op_type for node in graph.nodes}
        report = check_parity(
            pipeline, serialise(export_pipeline(pipeline, contract)), contract, to_frame(table, contract), max_rows=600
        )
    assert (report.other_branches, report.worst_relative) == (0, 0.0)


def test_trees_after_functions_that_cannot_be_folded_are_refused() -> None:
    """The last bit of a diagonal's length depends on the library: trees after it are refused, a linear model is exported."""

    def diagonal(X: Any) -> Any:
        return np.hypot(X[:, [0]], X[:, [2]])

    for model, message in ((DecisionTreeRegressor(max_depth=3), r"split on np\.hypot"), (Ridge(), None)):
        pipeline = make_pipeline(_array(), FunctionTransformer(diagonal), model).fit(
            to_frame(rows(), CONTRACT), rows()[:, 0]
        )
        with trusted_functions([full_name(diagonal)]):
            if message is None:
                export_pipeline(pipeline, CONTRACT)
            else:
                with pytest.raises(ExportError, match=message):
                    export_pipeline(pipeline, CONTRACT)


class _Ratio(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A class of a user's own whose transform is NumPy alone."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.scale_ = float(np.nanmax(np.asarray(X)))
        return self

    def transform(self, X: Any) -> Any:
        X = np.asarray(X)
        return np.c_[X, X[:, 0] / X[:, 2] / self.scale_]


def test_a_trusted_class_is_traced() -> None:
    """Learned attributes become constants. Without trust the error names the option and the method."""
    model = _Ratio().fit(rows())
    with pytest.raises(ExportError, match=r"_Ratio.*`write_graph`.*--trust-function .*test_trace\._Ratio"):
        write_transformer(model, CONTRACT)
    with trusted_functions([full_name(_Ratio)]):
        assert_same(model, CONTRACT, rows())


class _CheckingTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A class that checks its input as scikit-learn's own do."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.means_ = validate_data(self, X).mean(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        X = validate_data(self, X, reset=False)
        return check_array(X, dtype=np.float64) / self.means_


def test_checks_of_scikit_learn_pass_and_count() -> None:
    """`check_array` and `validate_data` accept symbols; a row that they would refuse is refused at export."""
    contract = contract_of(number("a"), number("c"))
    table = rows()[:, [0, 2]]
    with trusted_functions([full_name(_CheckingTransformer)]):
        assert_same(_CheckingTransformer().fit(to_frame(table, contract)), contract, table)
        nullable = contract_of(number("a", nullable=True), number("c"))
        with pytest.raises(
            ExportError, match=r"scikit-learn's check of the input in _CheckingTransformer.transform.*\['a'\]"
        ):
            write_transformer(_CheckingTransformer().fit(to_frame(table, nullable)), nullable)


def _of_frames(df: Any) -> Any:
    return df.assign(log=np.log1p(df["c"]), sin=np.sin(df["a"])).drop(columns=["c"])


def _of_arrays(X: Any) -> Any:
    return X[:, [0]] + X[:, 1:]


def test_functions_receive_the_type_of_the_fit() -> None:
    """A step after a frame receives a frame, after an imputer an array, and trees are folded through both."""
    contract = contract_of(number("a", minimum=-20, maximum=24, nullable=True), number("c", minimum=1, maximum=90))
    table = rows(200)[:, [0, 2]]
    table[::9, 0] = np.nan
    columns = make_column_transformer((SimpleImputer(), ["sin", "log", "a"]))
    model = HistGradientBoostingRegressor(max_iter=4)
    pipeline = make_pipeline(FunctionTransformer(_of_frames), columns, StandardScaler(), model)
    pipeline.fit(to_frame(table, contract), np.nan_to_num(np.sin(table[:, 0])) + np.log(table[:, 1]))
    with trusted_functions([full_name(_of_frames), full_name(_of_arrays)]):
        graph = assert_same_branches(pipeline, contract, table)
        assert not {"Log", "Sin"} & {node.op_type for node in graph.nodes}
        arrays = make_pipeline(SimpleImputer(), FunctionTransformer(_of_arrays))
        assert_same(arrays.fit(to_frame(table, contract)), contract, table)


class _Either(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A class that does not store whether it was fitted on a frame."""

    def __init__(self, skips: bool = False) -> None:
        self.skips = skips

    def fit(self, X: Any, y: Any = None) -> Any:
        self.width_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.c_[X, np.sum(X, axis=1)] if self.skips else np.asarray(X) / 2


def test_a_class_without_a_record_must_treat_frames_and_arrays_alike() -> None:
    """A sum skips missing numbers of a frame but not of an array, so the type must be known."""
    with trusted_functions([full_name(_Either)]):
        assert_same(make_pipeline(SimpleImputer(), _Either()).fit(to_frame(rows(), CONTRACT)), CONTRACT, rows())
        with pytest.raises(ExportError, match="different results for a frame and for an array"):
            write_transformer(
                make_pipeline(SimpleImputer(), _Either(skips=True)).fit(to_frame(rows(), CONTRACT)), CONTRACT
            )
