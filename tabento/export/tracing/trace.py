"""Traces of functions: a function is called with symbols, and its result is written as nodes.

If that is not possible, the error names the line of the user's code.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import validation

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.analysis.exactness import Names, inexact_columns
from tabento.export.errors import ExportError
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.tracing.arrays import SymbolArray, array_of
from tabento.export.tracing.frames import Frame
from tabento.export.tracing.numpy_patches import keeping_symbols
from tabento.export.tracing.symbols import RAISED, USUAL, Kind, Symbol, Table, TraceError, kind_of
from tabento.export.tracing.trust import FLAG, full_name, is_numpys, is_trusted
from tabento.export.tracing.writing import write_symbols

ROWS = (3, 4, 1)
"""A function is traced with each of these numbers of rows, to see that its result does not depend on the number."""
DTYPES: dict[Kind, type] = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": np.float64}
"""By kind: the dtype of a function's result in NumPy; texts are the codes of their categories."""
REMEDY_NAMED_FUNCTION = f"a function that has a name in a module, and {FLAG} with that name"
REMEDY_CUSTOM_CLASS = "a class of your own with `write_graph`, see docs/export.md"


@dataclass(frozen=True)
class _Trace:
    """The result of a traced function for one row."""

    cells: tuple[Any, ...]
    """A symbol or a constant per column."""
    names: tuple[str, ...] | None
    """The columns' names if the function returned a frame, else None."""

    @property
    def keys(self) -> tuple[Any, ...]:
        """A key that is equal for equal results of different rows."""
        return (self.names, *(cell.key if isinstance(cell, Symbol) else repr(cell) for cell in self.cells))


def traced_function(writer: GraphWriter, model: FunctionTransformer, columns: Columns) -> Columns:
    """Write the function of a FunctionTransformer, with its arguments.

    Raises:
        ExportError: the function is not trusted, or cannot be traced; the message names the operation and the line.
    """
    function = model.func
    name = full_name(function)
    short = name if not is_numpys(function) else f"np.{name.rpartition('.')[2]}"
    if not is_numpys(function) and not is_trusted(function):
        remedy = f"{FLAG} {name}, which calls it once with symbols" if "<" not in name else REMEDY_NAMED_FUNCTION
        raise writer.refusal(
            f"nothing is known about the function {name}",
            f"{remedy}, or a function of tabento.export.formulas.functions",
        )
    if not hasattr(model, "n_features_in_"):
        raise writer.refusal(
            f"{short} was fitted on a single column without a second dimension", "a list of one column"
        )
    if model.validate:
        # scikit-learn has converted the frame to an array.
        refuse_missing(writer, columns, "validate=True")
        names = None
    elif hasattr(model, "feature_names_in_"):
        names = _fitted_names(model, columns)
    else:
        # It was fitted on an array. Only the first step of a pipeline receives a frame nevertheless.
        names = columns.names if columns.name == writer.graph.inputs[0].name else None
    call = functools.partial(function, **(model.kw_args or {}))
    return _trace_and_write(writer, call, function, short, columns, [names])


def traced_transform(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write ``transform`` of a transformer whose class is trusted.

    Raises:
        ExportError: the method cannot be traced; the message names the operation and the line.
    """
    method = inspect.unwrap(type(model).transform)
    containers: list[tuple[str, ...] | None] = [columns.names]
    if hasattr(model, "feature_names_in_"):
        containers = [_fitted_names(model, columns)]
    elif columns.names is not None and columns.name != writer.graph.inputs[0].name:
        # It is not known whether the step receives a frame or an array, so the results of both must be equal.
        containers = [columns.names, None]
    return _trace_and_write(
        writer, functools.partial(method, model), method, f"{type(model).__name__}.transform", columns, containers
    )


def _fitted_names(model: Any, columns: Columns) -> tuple[str, ...]:
    """Return the column names of the frame on which a step was fitted, in the order of the columns here."""
    fitted = tuple(map(str, model.feature_names_in_))
    return columns.names if columns.names is not None and sorted(columns.names) == sorted(fitted) else fitted


def _trace_and_write(
    writer: GraphWriter,
    call: Callable[[Any], Any],
    function: Any,
    short: str,
    columns: Columns,
    containers: Sequence[tuple[str, ...] | None],
) -> Columns:
    """Trace and write a function.

    Args:
        writer: the graph writer.
        call: the function with its arguments bound.
        function: the function whose source lines an error names.
        short: the function's name in messages.
        columns: the function's input.
        containers: the column names of the frame that it receives, or None for an array; all candidates if that is not
            known.
    """
    if columns.sparse:
        raise writer.refusal(
            f"{short} would be called with a sparse matrix", "sparse_output=False in the step before it"
        )
    if columns.is_float32:
        raise writer.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps before it",
        )
    integer = next((dtype for dtype in writer.dtypes(columns) if dtype != np.float64), None)
    if integer is not None:
        raise writer.refusal(
            f"{short} would compute in {integer}, because columns that reach it are {integer}",
            "dtype=float64 in the step before it",
        )
    table = Table()
    traces: list[_Trace] = []
    errors: list[ExportError] = []
    for names in containers:
        try:
            traces.append(_trace_all_sizes(writer, call, function, short, columns, names, table))
        except ExportError as error:
            errors.append(error)
    if not traces:
        raise errors[0]
    first = traces[0]
    if any(trace.keys[1:] != first.keys[1:] for trace in traces):
        raise writer.refusal(
            f"{short} gives different results for a frame and for an array, and does not store which it was fitted on",
            "`self.feature_names_in_ = X.columns.to_numpy()` in its `fit`",
        )
    result = write_symbols(writer, columns, first.cells)
    writer.keep_dtypes(result, [np.dtype(DTYPES[kind_of(cell)]) for cell in first.cells])
    codes = tuple(columns.codes[cell.args[0]] if _is_text(cell) else None for cell in first.cells)
    return Columns(result, codes, first.names)


def _trace_all_sizes(
    writer: GraphWriter,
    call: Callable[[Any], Any],
    function: Any,
    short: str,
    columns: Columns,
    names: tuple[str, ...] | None,
    table: Table,
) -> _Trace:
    """Call a function with symbols, once for each number of rows in ``ROWS``."""
    if names is not None and len(names) != columns.width:
        raise writer.refusal(f"{short} was fitted on {len(names)} columns and gets {columns.width}", "the same columns")
    inexact = inexact_columns(writer.graph, columns.name)
    dependent = writer.machine_dependent_source(columns.name)
    if dependent is not None:
        inexact = (writer.graph.machine_dependent[dependent].partition(",")[0],) * columns.width
    checks: list[str] = []
    try:
        first, *other_traces = (_trace_rows(call, table, columns, inexact, names, rows, checks) for rows in ROWS)
        if any(trace.keys != first.keys for trace in other_traces):
            raise TraceError("computes with the number of rows", "a number that is known before there are rows")
    except TraceError as error:
        raise writer.refusal(f"{short} {error}{_line_text(error.__traceback__, function)}", error.nearest) from error
    except Exception as error:
        raise writer.refusal(
            f"{short} cannot be traced, because it raised {type(error).__name__}: {' '.join(str(error).split())}"
            f"{_line_text(error.__traceback__, function)}",
            f"{USUAL}, or {REMEDY_CUSTOM_CLASS}",
        ) from error
    if checks:
        refuse_missing(writer, columns, f"scikit-learn's check of the input in {short}")
    return first


def _is_text(cell: Any) -> bool:
    return isinstance(cell, Symbol) and cell.kind == "text"


def _trace_rows(
    call: Callable[[Any], Any],
    table: Table,
    columns: Columns,
    inexact: Names | None,
    names: tuple[str, ...] | None,
    rows: int,
    checks: list[str],
) -> _Trace:
    """Call a function with some rows of symbols and return its result, which must be the same for each row."""
    symbols = np.empty((rows, columns.width), dtype=object)
    for row, column in np.ndindex(symbols.shape):
        kind: Kind = "float" if columns.codes[column] is None else "text"
        symbols[row, column] = Symbol(table, "input", (column,), kind, row, inexact[column] if inexact else None)
    cells = symbols.view(SymbolArray)
    X = cells if names is None else Frame({name: array_of(cells[:, position]) for position, name in enumerate(names)})
    raised: list[BaseException] = []
    token = RAISED.set(raised)
    try:
        with keeping_symbols(), _recording_checks(checks), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = call(X)
    finally:
        RAISED.reset(token)
    if raised:
        raise raised[0]
    column_names = tuple(map(str, answer.columns)) if isinstance(answer, Frame) else None
    if isinstance(answer, Frame):
        answer = np.column_stack(list(answer._cells.values())) if column_names else np.empty((rows, 0))
    if not isinstance(answer, np.ndarray):
        raise TraceError(f"returns a {answer.__class__.__name__}", "an array of shape (rows, columns), or a frame")
    if answer.ndim != 2 or len(answer) != rows or not answer.shape[1]:
        shape = tuple("rows" if size == rows else size for size in answer.shape)
        raise TraceError(f"returns an array of shape {shape}", "an array of shape (rows, columns)")
    for row, values in enumerate(np.asarray(answer, dtype=object)):
        if any(isinstance(value, Symbol) and value.row != row for value in values):
            raise TraceError("puts rows into another order", "a function that keeps each row in its place")
    by_row = [
        _Trace(tuple(map(_as_python_number, values)), column_names) for values in np.asarray(answer, dtype=object)
    ]
    if any(trace.keys != by_row[0].keys for trace in by_row[1:]):
        raise TraceError("computes different results for different rows", "the same operations for every row")
    return by_row[0]


def _as_python_number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def _recording_checks(checks: list[str]) -> Iterator[None]:
    """Make scikit-learn's input checks accept symbols while the block runs, and record checks that refuse missing numbers."""
    original = validation._assert_all_finite

    def check(X: Any, *args: Any, allow_nan: Any = False, **kwargs: Any) -> None:
        if not isinstance(X, SymbolArray):
            original(X, *args, allow_nan=allow_nan, **kwargs)
        elif not allow_nan:
            checks.append("finite")

    with patch.object(validation, "_assert_all_finite", check):
        yield


def _line_text(trace: TracebackType | None, function: Any) -> str:
    """Return the line of the user's code that raised an error, as the end of a sentence; empty if it is not known."""
    while isinstance(function, functools.partial):
        function = function.func
    file = getattr(
        getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None), "co_filename", None
    )
    line_number = None
    while trace is not None:
        if file is not None and trace.tb_frame.f_code.co_filename == file:
            line_number = trace.tb_lineno
        trace = trace.tb_next
    if file is None or line_number is None:
        return ""
    text = linecache.getline(file, line_number).strip()
    return f" (line {line_number} of {Path(file).name}{f': {text}' if text else ''})"
