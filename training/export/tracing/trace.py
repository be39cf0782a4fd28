"""A function is called with symbols, and what it returns is written as nodes or refused with the line that is in the way."""

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

from training.export.arrivals import refuse_missing
from training.export.errors import ExportError
from training.export.exactness import Names, inexact_columns
from training.export.pen import Pen
from training.export.tracing.arrays import Traced, array_of, keeping_symbols
from training.export.tracing.frames import Frame
from training.export.tracing.symbols import RAISED, USUAL, Kind, Symbol, Table, TraceError, kind_of
from training.export.tracing.trust import FLAG, full_name, is_numpys, is_trusted
from training.export.tracing.writing import write_symbols
from training.export.values import Columns

ROWS = (3, 4, 1)
"""A function is traced with each of these numbers of rows: it may not compute with their number, or branch on it."""
DTYPES: dict[Kind, type] = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": np.float64}
"""In which type NumPy keeps what a function returned; texts travel as the numbers of their categories."""
NAMED = f"a function that has a name in a module, and {FLAG} with that name"
OWN = "a class of your own with `write_graph`, see docs/export.md"


@dataclass(frozen=True)
class _Traced:
    """What a function returned."""

    cells: tuple[Any, ...]
    """Of one row: a symbol or a constant per column."""
    names: tuple[str, ...] | None
    """The columns' names, where it returned a frame."""

    @property
    def keys(self) -> tuple[Any, ...]:
        """What tells it from another, whatever row it is of."""
        return (self.names, *(cell.key if isinstance(cell, Symbol) else repr(cell) for cell in self.cells))


def traced_function(pen: Pen, model: FunctionTransformer, columns: Columns) -> Columns:
    """Write the function of a FunctionTransformer, with its arguments.

    Raises:
        ExportError: it is not trusted, or cannot be traced; the message names the operation and the line.
    """
    function = model.func
    name = full_name(function)
    short = name if not is_numpys(function) else f"np.{name.rpartition('.')[2]}"
    if not is_numpys(function) and not is_trusted(function):
        instead = f"{FLAG} {name}, which runs it to see what it computes" if "<" not in name else NAMED
        raise pen.refusal(
            f"nothing is known about the function {name}", f"{instead}, or a function of training.export.functions"
        )
    if not hasattr(model, "n_features_in_"):
        raise pen.refusal(f"{short} was fitted on a single column without a second dimension", "a list of one column")
    if model.validate:
        # A frame has become an array.
        refuse_missing(pen, columns, "validate=True")
        names = None
    elif hasattr(model, "feature_names_in_"):
        names = _fitted_names(model, columns)
    else:
        # It was fitted on an array; only the first step of a pipeline is given a frame all the same.
        names = columns.names if columns.name == pen.graph.inputs[0].name else None
    call = functools.partial(function, **(model.kw_args or {}))
    return _write(pen, call, function, short, columns, [names])


def traced_transform(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Write the ``transform`` of a transformer of a class that was named as trusted.

    Raises:
        ExportError: it cannot be traced; the message names the operation and the line.
    """
    method = inspect.unwrap(type(model).transform)
    containers: list[tuple[str, ...] | None] = [columns.names]
    if hasattr(model, "feature_names_in_"):
        containers = [_fitted_names(model, columns)]
    elif columns.names is not None and columns.name != pen.graph.inputs[0].name:
        # Nobody has noted whether it is given a frame or an array: both have to be the same.
        containers = [columns.names, None]
    return _write(
        pen, functools.partial(method, model), method, f"{type(model).__name__}.transform", columns, containers
    )


def _fitted_names(model: Any, columns: Columns) -> tuple[str, ...]:
    """Return the names of the frame that a step was fitted on, in the order in which the columns are here."""
    fitted = tuple(map(str, model.feature_names_in_))
    return columns.names if columns.names is not None and sorted(columns.names) == sorted(fitted) else fitted


def _write(
    pen: Pen,
    call: Callable[[Any], Any],
    function: Any,
    short: str,
    columns: Columns,
    containers: Sequence[tuple[str, ...] | None],
) -> Columns:
    """Trace and write a function.

    Args:
        pen: where it is written.
        call: the function.
        function: whose lines a refusal names.
        short: how a refusal names it.
        columns: what it is given.
        containers: the names of the frame that it is given, or None for an array; several where that is not known.
    """
    if columns.sparse:
        raise pen.refusal(
            f"{short} would be called with a sparse matrix", "sparse_output=False in the step in front of it"
        )
    if columns.single:
        raise pen.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps in front of it",
        )
    integer = next((dtype for dtype in pen.dtypes(columns) if dtype != np.float64), None)
    if integer is not None:
        raise pen.refusal(
            f"{short} would compute in {integer}, because columns that reach it are {integer}",
            "dtype=float64 in the step in front of it",
        )
    table = Table()
    found: list[_Traced] = []
    refused: list[ExportError] = []
    for names in containers:
        try:
            found.append(_traced(pen, call, function, short, columns, names, table))
        except ExportError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    first = found[0]
    if any(other.keys[1:] != first.keys[1:] for other in found):
        raise pen.refusal(
            f"{short} computes something else of a frame than of an array, and has not noted which it was fitted on",
            "`self.feature_names_in_ = X.columns.to_numpy()` in its `fit`",
        )
    result = write_symbols(pen, columns, first.cells)
    pen.keep_dtypes(result, [np.dtype(DTYPES[kind_of(cell)]) for cell in first.cells])
    codes = tuple(columns.codes[cell.args[0]] if _is_text(cell) else None for cell in first.cells)
    return Columns(result, codes, first.names)


def _traced(
    pen: Pen,
    call: Callable[[Any], Any],
    function: Any,
    short: str,
    columns: Columns,
    names: tuple[str, ...] | None,
    table: Table,
) -> _Traced:
    """Call a function with symbols, for each of some numbers of rows."""
    if names is not None and len(names) != columns.width:
        raise pen.refusal(f"{short} was fitted on {len(names)} columns and gets {columns.width}", "the same columns")
    inexact = inexact_columns(pen.graph, columns.name)
    unsettled = pen.unsettled_in(columns.name)
    if unsettled is not None:
        inexact = (pen.graph.unsettled[unsettled].partition(",")[0],) * columns.width
    checks: list[str] = []
    try:
        first, *others = (_called(call, table, columns, inexact, names, rows, checks) for rows in ROWS)
        if any(other.keys != first.keys for other in others):
            raise TraceError("computes with the number of rows", "a number that is known before there are rows")
    except TraceError as error:
        raise pen.refusal(f"{short} {error}{_line(error.__traceback__, function)}", error.nearest) from error
    except Exception as error:
        raise pen.refusal(
            f"{short} cannot be traced, for it raised {type(error).__name__}: {' '.join(str(error).split())}"
            f"{_line(error.__traceback__, function)}",
            f"{USUAL}, or {OWN}",
        ) from error
    if checks:
        refuse_missing(pen, columns, f"scikit-learn's check of the input in {short}")
    return first


def _is_text(cell: Any) -> bool:
    return isinstance(cell, Symbol) and cell.kind == "text"


def _called(
    call: Callable[[Any], Any],
    table: Table,
    columns: Columns,
    inexact: Names | None,
    names: tuple[str, ...] | None,
    rows: int,
    checks: list[str],
) -> _Traced:
    """Call a function with so many rows of symbols and return what it computes of each."""
    given = np.empty((rows, columns.width), dtype=object)
    for row, column in np.ndindex(given.shape):
        kind: Kind = "float" if columns.codes[column] is None else "text"
        given[row, column] = Symbol(table, "input", (column,), kind, row, inexact[column] if inexact else None)
    cells = given.view(Traced)
    X = cells if names is None else Frame({name: array_of(cells[:, place]) for place, name in enumerate(names)})
    raised: list[BaseException] = []
    token = RAISED.set(raised)
    try:
        with keeping_symbols(), _checking(checks), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = call(X)
    finally:
        RAISED.reset(token)
    if raised:
        raise raised[0]
    found_names = tuple(map(str, answer.columns)) if isinstance(answer, Frame) else None
    if isinstance(answer, Frame):
        answer = np.column_stack(list(answer._cells.values())) if found_names else np.empty((rows, 0))
    if not isinstance(answer, np.ndarray):
        raise TraceError(f"returns a {answer.__class__.__name__}", "an array of shape (rows, columns), or a frame")
    if answer.ndim != 2 or len(answer) != rows or not answer.shape[1]:
        shape = tuple("rows" if size == rows else size for size in answer.shape)
        raise TraceError(f"returns an array of shape {shape}", "an array of shape (rows, columns)")
    for row, values in enumerate(np.asarray(answer, dtype=object)):
        if any(isinstance(value, Symbol) and value.row != row for value in values):
            raise TraceError("puts rows into another order", "a function that keeps each row in its place")
    by_row = [_Traced(tuple(map(_plain, values)), found_names) for values in np.asarray(answer, dtype=object)]
    if any(one.keys != by_row[0].keys for one in by_row[1:]):
        raise TraceError("computes something else for some rows than for others", "the same operations for every row")
    return by_row[0]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def _checking(checks: list[str]) -> Iterator[None]:
    """Let scikit-learn's checks of an input pass symbols, and note a check that would refuse a missing number."""
    original = validation._assert_all_finite

    def check(X: Any, *args: Any, allow_nan: Any = False, **kwargs: Any) -> None:
        if not isinstance(X, Traced):
            original(X, *args, allow_nan=allow_nan, **kwargs)
        elif not allow_nan:
            checks.append("finite")

    with patch.object(validation, "_assert_all_finite", check):
        yield


def _line(trace: TracebackType | None, function: Any) -> str:
    """Return where in the user's code something was raised, as the end of a sentence; nothing where it is not known."""
    while isinstance(function, functools.partial):
        function = function.func
    file = getattr(
        getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None), "co_filename", None
    )
    found = None
    while trace is not None:
        if file is not None and trace.tb_frame.f_code.co_filename == file:
            found = trace.tb_lineno
        trace = trace.tb_next
    if file is None or found is None:
        return ""
    text = linecache.getline(file, found).strip()
    return f" (line {found} of {Path(file).name}{f': {text}' if text else ''})"
