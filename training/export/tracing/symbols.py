"""Symbols: what stands for one cell while a function is traced, and what the function computes with it.

A symbol is an input cell or an operation on symbols and constants. It cannot be asked what it is: ``if x > 0`` has no answer
before there is a row, so it is refused with what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from training.export.functions import EXACT, FUNCTIONS, JUMPS

Kind = Literal["bool", "int", "float", "text"]
_RANK: dict[Kind, int] = {"bool": 0, "int": 1, "float": 2}
USUAL = "the operations that docs/export.md lists under `Functions of your own`"


RAISED: ContextVar[list[BaseException] | None] = ContextVar("raised", default=None)
"""Every ``TraceError`` of the running trace: a function that catches one goes a way that it does not go with numbers."""


class TraceError(BaseException):
    """A function cannot be traced. Not an ``Exception``, so that no function catches it by accident.

    Args:
        what: what the function does, as the end of a sentence that begins with its name.
        nearest: what to write instead.
    """

    def __init__(self, what: str, nearest: str = USUAL) -> None:
        super().__init__(what)
        self.nearest = nearest
        raised = RAISED.get()
        if raised is not None:
            raised.append(self)


@dataclass(frozen=True)
class Operation:
    """What is known of an operation on numbers."""

    name: str
    """How a person knows it."""
    arity: int = 2
    exact: bool = True
    """Whether it has the same bits everywhere."""
    jumps: bool = False
    """Whether another last bit of an argument may change its answer by more than rounding."""
    result: Literal["bool", "float", "widest"] = "float"
    ufunc: Callable[..., Any] | None = None
    """Computes it of constants."""


def _unary(ufunc: Any) -> Operation:
    keeps = ufunc in (np.absolute, np.ceil, np.floor, np.negative, np.rint, np.sign, np.square)
    name = "expit" if ufunc is expit else f"np.{ufunc.__name__}"
    return Operation(name, 1, ufunc in EXACT, ufunc in JUMPS, "widest" if keeps else "float", ufunc)


_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
_LOGIC = (np.logical_and, np.logical_or, np.logical_xor)
_TESTS = (np.isnan, np.isfinite, np.isinf)
OPERATIONS: dict[str, Operation] = {
    **{ufunc.__name__: _unary(ufunc) for ufunc in FUNCTIONS if isinstance(ufunc, np.ufunc)},
    **{
        ufunc.__name__: Operation(f"np.{ufunc.__name__}", result="widest", ufunc=ufunc)
        for ufunc in (np.add, np.subtract, np.multiply, np.maximum, np.minimum)
    },
    **{ufunc.__name__: Operation("a comparison", jumps=True, result="bool", ufunc=ufunc) for ufunc in _COMPARISONS},
    **{ufunc.__name__: Operation(f"np.{ufunc.__name__}", result="bool", ufunc=ufunc) for ufunc in _LOGIC},
    **{ufunc.__name__: Operation(f"np.{ufunc.__name__}", 1, result="bool", ufunc=ufunc) for ufunc in _TESTS},
    "logical_not": Operation("np.logical_not", 1, result="bool", ufunc=np.logical_not),
    "divide": Operation("np.divide", ufunc=np.divide),
    "power": Operation("np.power", exact=False, ufunc=np.power),
    "hypot": Operation("np.hypot", exact=False, ufunc=np.hypot),
    "remainder": Operation("np.remainder", jumps=True, ufunc=np.remainder),
    "floor_divide": Operation("np.floor_divide", jumps=True, ufunc=np.floor_divide),
    "where": Operation("np.where", 3, result="widest", ufunc=np.where),
    "fill": Operation("fillna", 2, result="widest", ufunc=lambda value, other: other if np.isnan(value) else value),
    "number": Operation("astype", 1, result="float", ufunc=float),
    "whole": Operation("astype", 1, result="widest", ufunc=int),
    "unordered": Operation("a sum of eight columns or more", 1, exact=False, ufunc=float),
}
"""Every operation that can be written, by name; the names of NumPy's own are those of its ufuncs."""
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
    """Numbers every distinct expression of one function, so that equal ones are known as equal."""

    keys: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def key(self, of: tuple[Any, ...]) -> int:
        """Return the number of an expression, the same for the same."""
        return self.keys.setdefault(of, len(self.keys))


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A cell, or an operation on cells and constants.

    Args:
        table: numbers the expressions of the function.
        operation: a name in ``OPERATIONS``, or ``input``.
        args: symbols and constants; of an input the column's position.
        kind: what it is in NumPy.
        row: the row that it belongs to.
        inexact: the function that another library may compute another last bit of, if there is one in it.
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
        from training.export.tracing.arrays import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __pow__(self, exponent: Any) -> Any:
        from training.export.tracing.arrays import elementwise

        # A single number is raised by the C library, not as an array is.
        return elementwise("power", self, exponent)

    def __bool__(self) -> bool:
        raise TraceError(
            "branches on data: whether a number of a row is true has no answer before there is a row",
            "np.where(condition, this, that) in place of `if`, `and`, `or`, `max` and `min` of Python",
        )

    def _is_no_number(self, *_: Any) -> Any:
        raise TraceError(
            "makes a Python number out of a cell, which has none before there is a row",
            "NumPy's functions in place of those of `math` and of Python",
        )

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _is_no_number
    __hash__ = object.__hash__


def kind_of(value: Any) -> Kind:
    """Return what a symbol or a constant is in NumPy."""
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
    """Return an operation on symbols and constants; of constants alone it is computed.

    Raises:
        TraceError: the operation would not be that of numbers in NumPy, mixes rows, or would jump with a last bit.
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
            f"computes {operation.name} with texts", "an encoder for the column of texts, behind the function"
        )
    if len({symbol.row for symbol in symbols}) > 1:
        raise TraceError(
            "computes with several rows at once, so that the answer to a row would hang on the rows beside it",
            "a transformer that learns such numbers in `fit`, such as StandardScaler",
        )
    _check_kinds(name, operation, kinds)
    first = next((symbol for symbol in symbols if symbol.inexact), None)
    if first is not None and operation.jumps:
        raise TraceError(
            f"computes {operation.name} with {first.inexact}, whose last bit differs between NumPy and ONNX Runtime, so that"
            " the answer could jump",
            f"{operation.name} with the column in front of {first.inexact}",
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
    """Refuse where NumPy computes something else with truth values or integers than with numbers."""
    if name in ("logical_and", "logical_or", "logical_xor", "logical_not"):
        if set(kinds) != {"bool"}:
            raise TraceError(f"computes {operation.name} with numbers", "comparisons such as `x != 0`")
    elif set(kinds) == {"bool"} and name not in ("where", "number", "whole", "equal", "not_equal", "divide"):
        raise TraceError(f"computes {operation.name} with truth values alone", "`.astype(float)` behind the comparison")
    elif "float" not in kinds and name in ("power", "reciprocal", "remainder", "floor_divide"):
        raise TraceError(f"computes {operation.name} with integers alone", "`.astype(float)` in front of it")
    if name == "whole" and kinds[0] == "float":
        raise TraceError("turns numbers into integers", "np.floor or np.rint, which keep a missing value missing")
