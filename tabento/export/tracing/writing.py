"""Conversion of symbols to nodes. Equal operations on several columns become one node over all of these columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.elementary_functions import LARGEST, TINY, WriteFunction
from tabento.export.formulas.functions import FUNCTIONS, NOWHERE, mark_function
from tabento.export.graph.facts import TurningPoints
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import BOOL, GraphWriter
from tabento.export.tracing.symbols import OPERATIONS, Symbol

Reference = tuple[str, int]
"""A column of a value of the graph."""
Write = Callable[..., str]


OVERFLOWING = frozenset(["divide", "floor_divide", "multiply", "reciprocal", "remainder", "square"])
"""Exact operations whose result can be infinite for finite arguments."""


def write_symbols(writer: GraphWriter, columns: Columns, cells: Sequence[Any]) -> str:
    """Write the results of a traced function, and return a value of shape (N, cells).

    Args:
        writer: the graph writer.
        columns: the function's input.
        cells: the symbols and constants of one row of its result.
    """
    references: dict[int, Reference] = {}
    for group in _groups(cells):
        if group[0].operation == "input":
            references.update({symbol.key: (columns.name, symbol.args[0]) for symbol in group})
            continue
        value = _write_group(writer, group, references)
        writer.graph.widths[value] = len(group)
        references.update({symbol.key: (value, index) for index, symbol in enumerate(group)})
    constants = [float(cell) for cell in cells if not isinstance(cell, Symbol)]
    if constants:
        first = writer.node("Gather", [columns.name, writer.constant(np.array([0]), "columns")], "first", axis=1)
        fixed = writer.constant(np.array([constants]), "constants")
        # The constants, repeated for each row of the input.
        constant = writer.node("Where", [writer.node("IsNaN", [first], "missing"), fixed, fixed], "constants")
        writer.graph.widths[constant] = len(constants)
    result_references, n_constants_used = [], 0
    for cell in cells:
        if isinstance(cell, Symbol):
            result_references.append(references[cell.key])
        else:
            result_references.append((constant, n_constants_used))
            n_constants_used += 1
    result = _gather_columns(writer, result_references)
    writer.graph.widths[result] = len(cells)
    return result


def _groups(cells: Iterable[Any]) -> list[list[Symbol]]:
    """Return groups of equal operations among all symbols that the cells depend on; arguments come before operations."""
    symbols_by_key: dict[int, Symbol] = {}
    pending = [cell for cell in cells if isinstance(cell, Symbol)]
    while pending:
        symbol = pending.pop()
        if symbol.key not in symbols_by_key:
            symbols_by_key[symbol.key] = symbol
            pending += [arg for arg in symbol.args if isinstance(arg, Symbol)]
    groups: dict[tuple[Any, ...], list[Symbol]] = {}
    for symbol in sorted(symbols_by_key.values(), key=lambda symbol: symbol.key):
        groups.setdefault((symbol.depth, symbol.operation, *map(_argument_key, symbol.args)), []).append(symbol)
    return sorted(groups.values(), key=lambda group: (group[0].depth, group[0].key))


def _argument_key(arg: Any) -> str:
    """Return a key of an argument, so that all operations of a group are increasing or all are decreasing."""
    if isinstance(arg, Symbol):
        return "symbol"
    return "above" if arg > 0 else "below" if arg < 0 else "zero"


def _write_group(writer: GraphWriter, group: list[Symbol], references: dict[int, Reference]) -> str:
    """Write one operation over all symbols of a group."""
    name = group[0].operation
    values = []
    for position in range(len(group[0].args)):
        args = [symbol.args[position] for symbol in group]
        if isinstance(args[0], Symbol):
            values.append(_gather_columns(writer, [references[arg.key] for arg in args]))
        else:
            values.append(writer.constant(np.array([[float(arg) for arg in args]]), "constant"))
    if name == "power" and not isinstance(group[0].args[1], Symbol):
        value = writer.node("Pow", values, "power")
    else:
        value = _WRITERS[name](writer, *values)
    _mark_monotone(writer, group, value, values)
    if not OPERATIONS[name].exact or name in OVERFLOWING:
        writer.graph.overflowing[value] = OPERATIONS[name].name
    if not OPERATIONS[name].exact:
        writer.graph.inexact[value] = OPERATIONS[name].name
    return value


def _gather_columns(writer: GraphWriter, references: Sequence[Reference]) -> str:
    """Write the concatenation of columns of several values."""
    runs: list[tuple[str, list[int]]] = []
    for value, column in references:
        if runs and runs[-1][0] == value:
            runs[-1][1].append(column)
        else:
            runs.append((value, [column]))
    parts = []
    for value, selected in runs:
        if selected != list(range(writer.graph.width(value) or 0)):
            value = writer.node(
                "Gather", [value, writer.constant(np.array(selected, dtype=np.int64), "columns")], axis=1
            )
        parts.append(value)
    return writer.concatenate(parts)


def _mark_monotone(writer: GraphWriter, group: list[Symbol], value: str, values: Sequence[str]) -> None:
    """Record a group of operations as monotone if it has one argument that is not a constant."""
    name, args = group[0].operation, group[0].args
    ufunc = OPERATIONS[name].ufunc
    if ufunc in FUNCTIONS:
        mark_function(writer, ufunc, value, values[0], len(group))
        return
    symbol_positions = [position for position, arg in enumerate(args) if isinstance(arg, Symbol)]
    if len(args) != 2 or len(symbol_positions) != 1 or ufunc is None:
        return
    position = symbol_positions[0]
    constants = [float(symbol.args[1 - position]) for symbol in group]
    functions = [partial(_with_constant, ufunc, constant, first=position == 0) for constant in constants]
    positive = constants[0] > 0
    if name in ("add", "maximum", "minimum") or (name == "subtract" and position == 0):
        writer.monotone(value, values[position], functions, certain=True)
    elif name == "subtract":
        writer.monotone(value, values[position], functions, increasing=False, certain=True)
    elif (name == "multiply" or (name == "divide" and position == 0)) and constants[0]:
        writer.monotone(value, values[position], functions, increasing=positive, certain=True)
    elif name == "power" and position == 0:
        writer.monotone(value, values[position], functions, domain=NOWHERE, turning_points=AT_ZERO)
    elif name == "power" and positive:
        writer.monotone(value, values[position], functions, domain=NOWHERE, turning_points=NEVER)


def _with_constant(ufunc: Any, constant: float, values: NDArray[np.float64], *, first: bool) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return np.asarray(ufunc(values, constant) if first else ufunc(constant, values))


def _at_zero(_low: float, _high: float) -> NDArray[np.float64]:
    # Zero is a part by itself, because a negative power of zero is infinite.
    return np.array([-TINY, 0.0])


def _nowhere(_low: float, _high: float) -> NDArray[np.float64]:
    return np.empty(0)


AT_ZERO, NEVER = TurningPoints(_at_zero), TurningPoints(_nowhere)


def _operator(operator: str) -> Write:
    def write(writer: GraphWriter, *values: str) -> str:
        return writer.node(operator, values)

    return write


def _boolean_operator(operator: str, *, negated: bool = False) -> Write:
    def write(writer: GraphWriter, *values: str) -> str:
        truth = writer.node(operator, values)
        return writer.cast(writer.node("Not", [truth]) if negated else truth)

    return write


def _one_argument(emit: WriteFunction) -> Write:
    return lambda writer, value: emit(writer, value)


def _scalar(writer: GraphWriter, value: float) -> str:
    return writer.constant(np.full((1, 1), value), "constant")


def _write_where(writer: GraphWriter, condition: str, if_true: str, if_false: str) -> str:
    return writer.node("Where", [writer.cast(condition, BOOL), if_true, if_false], "chosen")


def _fill(writer: GraphWriter, value: str, replacement: str) -> str:
    return writer.node("Where", [writer.node("IsNaN", [value], "missing"), replacement, value], "filled")


def _finite(writer: GraphWriter, value: str) -> str:
    return writer.cast(writer.node("LessOrEqual", [writer.node("Abs", [value]), _scalar(writer, LARGEST)]))


def _infinite(writer: GraphWriter, value: str) -> str:
    return writer.cast(writer.node("Greater", [writer.node("Abs", [value]), _scalar(writer, LARGEST)]))


def _hypot(writer: GraphWriter, first: str, second: str) -> str:
    """Write √(a² + b²) as m·√(1 + (n/m)²) with the larger magnitude m, so that no square overflows."""
    sizes = [writer.node("Abs", [value], "size") for value in (first, second)]
    large, small = writer.node("Max", sizes, "large"), writer.node("Min", sizes, "small")
    quotient = writer.node("Div", [small, writer.node("Max", [large, _scalar(writer, TINY)])], "quotient")
    square = writer.node("Add", [writer.node("Mul", [quotient, quotient]), _scalar(writer, 1.0)])
    return writer.node("Mul", [large, writer.node("Sqrt", [square])], "hypot")


def _has_other_sign(writer: GraphWriter, rest: str, divisor: str) -> str:
    """Write whether C's remainder is not 0 and has another sign than the divisor."""
    return writer.node(
        "Less",
        [writer.node("Mul", [writer.node("Sign", [rest]), writer.node("Sign", [divisor])]), _scalar(writer, 0.0)],
    )


def _remainder(writer: GraphWriter, value: str, divisor: str) -> str:
    """Write the remainder with the sign of the divisor."""
    rest = writer.node("Mod", [value, divisor], "rest", fmod=1)
    return writer.node(
        "Where", [_has_other_sign(writer, rest, divisor), writer.node("Add", [rest, divisor]), rest], "remainder"
    )


def _floor_divide(writer: GraphWriter, value: str, divisor: str) -> str:
    """Write NumPy's floor division: the remainder is subtracted first, so that the quotient is an integer except for rounding."""
    rest = writer.node("Mod", [value, divisor], "rest", fmod=1)
    quotient = writer.node("Div", [writer.node("Sub", [value, rest]), divisor], "quotient")
    less = writer.node("Sub", [quotient, _scalar(writer, 1.0)])
    quotient = writer.node("Where", [_has_other_sign(writer, rest, divisor), less, quotient])
    floor = writer.node("Floor", [quotient], "floor")
    over = writer.node("Greater", [writer.node("Sub", [quotient, floor]), _scalar(writer, 0.5)])
    return writer.node("Where", [over, writer.node("Add", [floor, _scalar(writer, 1.0)]), floor], "whole")


_WRITERS: dict[str, Write] = {
    **{
        name: _one_argument(FUNCTIONS[operation.ufunc])
        for name, operation in OPERATIONS.items()
        if operation.ufunc in FUNCTIONS
    },
    "add": _operator("Add"),
    "divide": _operator("Div"),
    "equal": _boolean_operator("Equal"),
    "fill": _fill,
    "floor_divide": _floor_divide,
    "greater": _boolean_operator("Greater"),
    "greater_equal": _boolean_operator("GreaterOrEqual"),
    "hypot": _hypot,
    "isfinite": _finite,
    "isinf": _infinite,
    "isnan": _boolean_operator("IsNaN"),
    "less": _boolean_operator("Less"),
    "less_equal": _boolean_operator("LessOrEqual"),
    "logical_and": _operator("Mul"),
    "logical_not": lambda writer, value: writer.node("Sub", [_scalar(writer, 1.0), value], "not"),
    "logical_or": _operator("Max"),
    "logical_xor": _boolean_operator("Equal", negated=True),
    "maximum": _operator("Max"),
    "minimum": _operator("Min"),
    "multiply": _operator("Mul"),
    "not_equal": _boolean_operator("Equal", negated=True),
    "number": _operator("Identity"),
    "power": _operator("Pow"),
    "remainder": _remainder,
    "subtract": _operator("Sub"),
    "unordered": _operator("Identity"),
    "where": _write_where,
    "whole": _operator("Identity"),
}
