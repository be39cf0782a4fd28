"""Symbols: placeholders for the cells of a row while a function is traced.

A symbol is an input cell or an operation on symbols and constants. It has no number: ``if x > 0`` cannot be evaluated before
there is a row, so it is refused with a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from tabento.export.formulas.functions import DISCONTINUOUS, EXACT, FUNCTIONS

Kind = Literal["bool", "int", "float", "text"]
_RANK: dict[Kind, int] = {"bool": 0, "int": 1, "float": 2}
USUAL = "the operations that docs/export.md lists under `Functions of your own`"


RAISED: ContextVar[list[BaseException] | None] = ContextVar("raised", default=None)
"""All ``TraceError`` of the current trace. A function that catches one takes a path that it does not take with numbers."""


class TraceError(BaseException):
    """A function cannot be traced. Not an ``Exception``, so that no function catches it by accident.

    Args:
        operation: the operation that cannot be traced, as the end of a sentence that begins with the function's name.
        nearest: the code to write instead.
    """

    def __init__(self, operation: str, nearest: str = USUAL) -> None:
        super().__init__(operation)
        self.nearest = nearest
        raised = RAISED.get()
        if raised is not None:
            raised.append(self)


@dataclass(frozen=True)
class Operation:
    """An operation on numbers."""

    name: str
    """The operation's name in messages."""
    exact: bool = True
    """Whether the result has the same bits in every library."""
    discontinuous: bool = False
    """Whether another last bit of an argument can change the result by more than rounding."""
    result: Literal["bool", "float", "widest"] = "float"
    ufunc: Callable[..., Any] | None = None
    """The function that computes it for constants."""


def _unary(ufunc: Any) -> Operation:
    keeps = ufunc in (np.absolute, np.ceil, np.floor, np.negative, np.rint, np.sign, np.square)
    name = "expit" if ufunc is expit else f"np.{ufunc.__name__}"
    return Operation(name, ufunc in EXACT, ufunc in DISCONTINUOUS, "widest" if keeps else "float", ufunc)


_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
_LOGIC = (np.logical_and, np.logical_or, np.logical_xor)
_TESTS = (np.isnan, np.isfinite, np.isinf)
OPERATIONS: dict[str, Operation] = {
    **{ufunc.__name__: _unary(ufunc) for ufunc in FUNCTIONS if isinstance(ufunc, np.ufunc)},
    **{
        ufunc.__name__: Operation(f"np.{ufunc.__name__}", result="widest", ufunc=ufunc)
        for ufunc in (np.add, np.subtract, np.multiply, np.maximum, np.minimum)
    },
    **{
        ufunc.__name__: Operation("a comparison", discontinuous=True, result="bool", ufunc=ufunc)
        for ufunc in _COMPARISONS
    },
    **{ufunc.__name__: Operation(f"np.{ufunc.__name__}", result="bool", ufunc=ufunc) for ufunc in _LOGIC},
    **{ufunc.__name__: Operation(f"np.{ufunc.__name__}", result="bool", ufunc=ufunc) for ufunc in _TESTS},
    "logical_not": Operation("np.logical_not", result="bool", ufunc=np.logical_not),
    "divide": Operation("np.divide", ufunc=np.divide),
    "power": Operation("np.power", exact=False, ufunc=np.power),
    "hypot": Operation("np.hypot", exact=False, ufunc=np.hypot),
    "remainder": Operation("np.remainder", discontinuous=True, ufunc=np.remainder),
    "floor_divide": Operation("np.floor_divide", discontinuous=True, ufunc=np.floor_divide),
    "where": Operation("np.where", result="widest", ufunc=np.where),
    "fill": Operation("fillna", result="widest", ufunc=lambda value, other: other if np.isnan(value) else value),
    "number": Operation("astype", result="float", ufunc=float),
    "whole": Operation("astype", result="widest", ufunc=int),
    "unordered": Operation("a sum of eight columns or more", exact=False, ufunc=float),
}
"""Every operation that can be written, by name. Operations of NumPy have the names of its ufuncs."""
BY_UFUNC: dict[Any, str] = {
    operation.ufunc: name for name, operation in OPERATIONS.items() if isinstance(operation.ufunc, np.ufunc)
} | {
    np.bitwise_and: "logical_and",
    np.bitwise_or: "logical_or",
    np.bitwise_xor: "logical_xor",
    np.invert: "logical_not",
}


@dataclass
class Table:
    """Table of the distinct expressions of one function. Equal expressions have the same number."""

    keys: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def key(self, expression: tuple[Any, ...]) -> int:
        """Return the number of an expression; equal expressions have equal numbers."""
        return self.keys.setdefault(expression, len(self.keys))


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A cell, or an operation on cells and constants.

    Args:
        table: the table of the function's expressions.
        operation: a name in ``OPERATIONS``, or ``input``.
        args: symbols and constants; for an input the column's position.
        kind: the kind of number in NumPy.
        row: the index of its row.
        inexact: the name of a function inside the expression whose last bit can differ between libraries, or None.
    """

    def __init__(
        self, table: Table, operation: str, args: tuple[Any, ...], kind: Kind, row: int, inexact: str | None = None
    ) -> None:
        self.table, self.operation, self.args, self.kind = table, operation, args, kind
        self.row, self.inexact = row, inexact
        symbols = [arg for arg in args if isinstance(arg, Symbol)]
        self.depth: int = 1 + max((symbol.depth for symbol in symbols), default=-1)
        self.key: int = table.key(
            (
                operation,
                kind,
                *(("key", arg.key) if isinstance(arg, Symbol) else (type(arg), repr(arg)) for arg in args),
            )
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from tabento.export.tracing.ufuncs import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __pow__(self, exponent: Any) -> Any:
        from tabento.export.tracing.arrays import elementwise

        # For a single number Python calls the C library and not the loop for arrays.
        return elementwise("power", self, exponent)

    def __bool__(self) -> bool:
        raise TraceError(
            "branches on data: whether a number of a row is true has no answer before there is a row",
            "np.where(condition, this, that) in place of `if`, `and`, `or`, `max` and `min` of Python",
        )

    def _refuse_conversion(self, *_: Any) -> Any:
        raise TraceError(
            "makes a Python number out of a cell, which has none before there is a row",
            "NumPy's functions in place of those of `math` and of Python",
        )

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _refuse_conversion
    __hash__ = object.__hash__


def kind_of(value: Any) -> Kind:
    """Return the kind of a symbol or a constant in NumPy."""
    if isinstance(value, Symbol):
        return value.kind
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | np.integer):
        return "int"
    if isinstance(value, float | np.floating):
        return "float"
    raise TraceError(f"computes with {value!r}, which is not a number")


def make(name: str, *args: Any) -> Any:
    """Return the symbol of an operation. If all arguments are constants, return the computed number.

    Raises:
        TraceError: NumPy's result for these kinds differs, the operation mixes rows, or it depends on a last bit.
    """
    operation = OPERATIONS[name]
    symbols = [arg for arg in args if isinstance(arg, Symbol)]
    kinds = [kind_of(arg) for arg in args]
    if not symbols:
        with np.errstate(all="ignore"):
            result = operation.ufunc(*args)  # type: ignore[misc]
        return result.item() if isinstance(result, np.generic | np.ndarray) else result
    if "text" in kinds:
        raise TraceError(
            f"computes {operation.name} with texts", "an encoder for the column of texts, after the function"
        )
    if len({symbol.row for symbol in symbols}) > 1:
        raise TraceError(
            "computes with several rows at once, so that the answer for a row would depend on the other rows",
            "a transformer that learns such numbers in `fit`, such as StandardScaler",
        )
    _check_kinds(name, operation, kinds)
    first = next((symbol for symbol in symbols if symbol.inexact), None)
    if first is not None and operation.discontinuous:
        raise TraceError(
            f"computes {operation.name} with {first.inexact}, whose last bit differs between NumPy and ONNX Runtime, so that"
            " the answer could change by more than rounding",
            f"{operation.name} with the column before {first.inexact}",
        )
    if name in ("remainder", "floor_divide") and (isinstance(args[1], Symbol) or not args[1]):
        raise TraceError(f"computes {operation.name} with a divisor that is not a constant above or below 0")
    values = kinds[1:] if name == "where" else kinds
    kind: Kind = operation.result if operation.result != "widest" else max(values, key=_RANK.__getitem__)
    if name == "whole":
        kind = "int"
    inexact = operation.name if not operation.exact else None if first is None else first.inexact
    return Symbol(symbols[0].table, name, args, kind, symbols[0].row, None if operation.result == "bool" else inexact)


def _check_kinds(name: str, operation: Operation, kinds: list[Kind]) -> None:
    """Refuse an operation whose result in NumPy is different for truth values or integers than for floats."""
    if name in ("logical_and", "logical_or", "logical_xor", "logical_not"):
        if set(kinds) != {"bool"}:
            raise TraceError(f"computes {operation.name} with numbers", "comparisons such as `x != 0`")
    elif set(kinds) == {"bool"} and name not in ("where", "number", "whole", "equal", "not_equal", "divide"):
        raise TraceError(f"computes {operation.name} with truth values alone", "`.astype(float)` after the comparison")
    elif "float" not in kinds and name in ("power", "reciprocal", "remainder", "floor_divide"):
        raise TraceError(f"computes {operation.name} with integers alone", "`.astype(float)` before it")
    if name == "whole" and kinds[0] == "float":
        raise TraceError("turns numbers into integers", "np.floor or np.rint, which keep a missing value missing")
