"""Symbols become nodes: operations that are alike are written once, over all columns that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.export.functions import FUNCTIONS, LARGEST, NOWHERE, TINY, Emit, mark_function
from training.export.graph import Turns
from training.export.pen import BOOL, Pen
from training.export.tracing.symbols import OPERATIONS, Symbol
from training.export.values import Columns

Reference = tuple[str, int]
"""A column of a value of the graph."""
Write = Callable[..., str]


OVERFLOWING = frozenset(["divide", "floor_divide", "multiply", "reciprocal", "remainder", "square"])
"""Exact operations whose result may be infinite where their arguments are not."""


def write_symbols(pen: Pen, columns: Columns, cells: Sequence[Any]) -> str:
    """Write what a function computes of a row, and return a value of shape (N, cells).

    Args:
        pen: where it is written.
        columns: what its inputs are.
        cells: symbols of one row, and constants.
    """
    places: dict[int, Reference] = {}
    for group in _groups(cells):
        if group[0].operation == "input":
            places.update({symbol.key: (columns.name, symbol.args[0]) for symbol in group})
            continue
        value = _write_group(pen, group, places)
        pen.graph.widths[value] = len(group)
        places.update({symbol.key: (value, at) for at, symbol in enumerate(group)})
    constants = [float(cell) for cell in cells if not isinstance(cell, Symbol)]
    if constants:
        first = pen.node("Gather", [columns.name, pen.constant(np.array([0]), "columns")], "first", axis=1)
        fixed = pen.constant(np.array([constants]), "constants")
        # As many rows as there are, whatever they hold.
        constant = pen.node("Where", [pen.node("IsNaN", [first], "missing"), fixed, fixed], "constants")
        pen.graph.widths[constant] = len(constants)
    wanted, used = [], 0
    for cell in cells:
        if isinstance(cell, Symbol):
            wanted.append(places[cell.key])
        else:
            wanted.append((constant, used))
            used += 1
    result = _gathered(pen, wanted)
    pen.graph.widths[result] = len(cells)
    return result


def _groups(cells: Iterable[Any]) -> list[list[Symbol]]:
    """Return all symbols that cells are made of, those first that others are made of, and those together that are alike."""
    found: dict[int, Symbol] = {}
    pending = [cell for cell in cells if isinstance(cell, Symbol)]
    while pending:
        symbol = pending.pop()
        if symbol.key not in found:
            found[symbol.key] = symbol
            pending += [arg for arg in symbol.args if isinstance(arg, Symbol)]
    alike: dict[tuple[Any, ...], list[Symbol]] = {}
    for symbol in sorted(found.values(), key=lambda symbol: symbol.key):
        alike.setdefault((symbol.depth, symbol.operation, *map(_side, symbol.args)), []).append(symbol)
    return sorted(alike.values(), key=lambda group: (group[0].depth, group[0].key))


def _side(arg: Any) -> str:
    """Say what an argument is, so that operations of one group rise or fall together."""
    if isinstance(arg, Symbol):
        return "symbol"
    return "above" if arg > 0 else "below" if arg < 0 else "zero"


def _write_group(pen: Pen, group: list[Symbol], places: dict[int, Reference]) -> str:
    """Write one operation over all symbols of a group."""
    name = group[0].operation
    values = []
    for position in range(len(group[0].args)):
        args = [symbol.args[position] for symbol in group]
        if isinstance(args[0], Symbol):
            values.append(_gathered(pen, [places[arg.key] for arg in args]))
        else:
            values.append(pen.constant(np.array([[float(arg) for arg in args]]), "constant"))
    if name == "power" and not isinstance(group[0].args[1], Symbol):
        value = pen.node("Pow", values, "power")
    else:
        value = _WRITERS[name](pen, *values)
    _mark(pen, group, value, values)
    if not OPERATIONS[name].exact or name in OVERFLOWING:
        pen.graph.overflowing[value] = OPERATIONS[name].name
    if not OPERATIONS[name].exact:
        pen.graph.inexact[value] = OPERATIONS[name].name
    return value


def _gathered(pen: Pen, wanted: Sequence[Reference]) -> str:
    """Put columns of several values side by side."""
    runs: list[tuple[str, list[int]]] = []
    for value, column in wanted:
        if runs and runs[-1][0] == value:
            runs[-1][1].append(column)
        else:
            runs.append((value, [column]))
    parts = []
    for value, chosen in runs:
        if chosen != list(range(pen.graph.width(value) or 0)):
            value = pen.node("Gather", [value, pen.constant(np.array(chosen, dtype=np.int64), "columns")], axis=1)
        parts.append(value)
    return pen.side_by_side(parts)


def _mark(pen: Pen, group: list[Symbol], value: str, values: Sequence[str]) -> None:
    """Say where trees may look through an operation to its only argument that is no constant."""
    name, args = group[0].operation, group[0].args
    ufunc = OPERATIONS[name].ufunc
    if ufunc in FUNCTIONS:
        mark_function(pen, ufunc, value, values[0], len(group))
        return
    places = [place for place, arg in enumerate(args) if isinstance(arg, Symbol)]
    if len(args) != 2 or len(places) != 1 or ufunc is None:
        return
    place = places[0]
    constants = [float(symbol.args[1 - place]) for symbol in group]
    judges = [partial(_with_constant, ufunc, constant, first=place == 0) for constant in constants]
    positive = constants[0] > 0
    if name in ("add", "maximum", "minimum") or (name == "subtract" and place == 0):
        pen.monotone(value, values[place], judges, certain=True)
    elif name == "subtract":
        pen.monotone(value, values[place], judges, increasing=False, certain=True)
    elif (name == "multiply" or (name == "divide" and place == 0)) and constants[0]:
        pen.monotone(value, values[place], judges, increasing=positive, certain=True)
    elif name == "power" and place == 0:
        pen.monotone(value, values[place], judges, domain=NOWHERE, turns=AT_ZERO)
    elif name == "power" and positive:
        pen.monotone(value, values[place], judges, domain=NOWHERE, turns=NEVER)


def _with_constant(ufunc: Any, constant: float, values: NDArray[np.float64], *, first: bool) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return np.asarray(ufunc(values, constant) if first else ufunc(constant, values))


def _at_zero(_low: float, _high: float) -> NDArray[np.float64]:
    # Zero is a part of its own: a negative power of it is infinite.
    return np.array([-TINY, 0.0])


def _nowhere(_low: float, _high: float) -> NDArray[np.float64]:
    return np.empty(0)


AT_ZERO, NEVER = Turns(_at_zero), Turns(_nowhere)


def _plain(operator: str) -> Write:
    def write(pen: Pen, *values: str) -> str:
        return pen.node(operator, values)

    return write


def _truth(operator: str, *, negated: bool = False) -> Write:
    def write(pen: Pen, *values: str) -> str:
        truth = pen.node(operator, values)
        return pen.cast(pen.node("Not", [truth]) if negated else truth)

    return write


def _of_numbers(emit: Emit) -> Write:
    return lambda pen, value: emit(pen, value)


def _scalar(pen: Pen, value: float) -> str:
    return pen.constant(np.full((1, 1), value), "constant")


def _where(pen: Pen, condition: str, this: str, other: str) -> str:
    return pen.node("Where", [pen.cast(condition, BOOL), this, other], "chosen")


def _fill(pen: Pen, value: str, instead: str) -> str:
    return pen.node("Where", [pen.node("IsNaN", [value], "missing"), instead, value], "filled")


def _finite(pen: Pen, value: str) -> str:
    return pen.cast(pen.node("LessOrEqual", [pen.node("Abs", [value]), _scalar(pen, LARGEST)]))


def _infinite(pen: Pen, value: str) -> str:
    return pen.cast(pen.node("Greater", [pen.node("Abs", [value]), _scalar(pen, LARGEST)]))


def _hypot(pen: Pen, one: str, other: str) -> str:
    """√(a² + b²) as m·√(1 + (n/m)²) with the larger magnitude m, so that no square overflows."""
    sizes = [pen.node("Abs", [value], "size") for value in (one, other)]
    large, small = pen.node("Max", sizes, "large"), pen.node("Min", sizes, "small")
    quotient = pen.node("Div", [small, pen.node("Max", [large, _scalar(pen, TINY)])], "quotient")
    square = pen.node("Add", [pen.node("Mul", [quotient, quotient]), _scalar(pen, 1.0)])
    return pen.node("Mul", [large, pen.node("Sqrt", [square])], "hypot")


def _same_sign(pen: Pen, rest: str, divisor: str) -> str:
    """Return a truth value: whether a remainder as C has it is not 0 and has not the sign of the divisor."""
    return pen.node(
        "Less", [pen.node("Mul", [pen.node("Sign", [rest]), pen.node("Sign", [divisor])]), _scalar(pen, 0.0)]
    )


def _remainder(pen: Pen, value: str, divisor: str) -> str:
    """The remainder with the sign of the divisor."""
    rest = pen.node("Mod", [value, divisor], "rest", fmod=1)
    return pen.node("Where", [_same_sign(pen, rest, divisor), pen.node("Add", [rest, divisor]), rest], "remainder")


def _floor_divide(pen: Pen, value: str, divisor: str) -> str:
    """As NumPy divides: what is left over is taken off before, so that the quotient is whole but for its rounding."""
    rest = pen.node("Mod", [value, divisor], "rest", fmod=1)
    quotient = pen.node("Div", [pen.node("Sub", [value, rest]), divisor], "quotient")
    less = pen.node("Sub", [quotient, _scalar(pen, 1.0)])
    quotient = pen.node("Where", [_same_sign(pen, rest, divisor), less, quotient])
    floor = pen.node("Floor", [quotient], "floor")
    over = pen.node("Greater", [pen.node("Sub", [quotient, floor]), _scalar(pen, 0.5)])
    return pen.node("Where", [over, pen.node("Add", [floor, _scalar(pen, 1.0)]), floor], "whole")


_WRITERS: dict[str, Write] = {
    **{name: _of_numbers(FUNCTIONS[one.ufunc]) for name, one in OPERATIONS.items() if one.ufunc in FUNCTIONS},
    "add": _plain("Add"),
    "divide": _plain("Div"),
    "equal": _truth("Equal"),
    "fill": _fill,
    "floor_divide": _floor_divide,
    "greater": _truth("Greater"),
    "greater_equal": _truth("GreaterOrEqual"),
    "hypot": _hypot,
    "isfinite": _finite,
    "isinf": _infinite,
    "isnan": _truth("IsNaN"),
    "less": _truth("Less"),
    "less_equal": _truth("LessOrEqual"),
    "logical_and": _plain("Mul"),
    "logical_not": lambda pen, value: pen.node("Sub", [_scalar(pen, 1.0), value], "not"),
    "logical_or": _plain("Max"),
    "logical_xor": _truth("Equal", negated=True),
    "maximum": _plain("Max"),
    "minimum": _plain("Min"),
    "multiply": _plain("Mul"),
    "not_equal": _truth("Equal", negated=True),
    "number": _plain("Identity"),
    "power": _plain("Pow"),
    "remainder": _remainder,
    "subtract": _plain("Sub"),
    "unordered": _plain("Identity"),
    "where": _where,
    "whole": _plain("Identity"),
}
