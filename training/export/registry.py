"""Which converter writes which class: the one table that tells what can be exported.

A converter belongs to exactly one class; a subclass may compute something else, so it needs a converter of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from training.export.errors import ExportError
from training.export.graph import Step
from training.export.pen import Pen
from training.export.values import Columns, Scores, TextCodes

Transform = Callable[[Pen, Any, Columns], Columns]
Regress = Callable[[Pen, Any, Columns], str]
Classify = Callable[[Pen, Any, Columns], Scores]
Function = TypeVar("Function", bound=Callable[..., Any])

TRANSFORMERS: dict[type, Transform] = {}
"""Fitted transformer → the columns that its ``transform`` gives."""
REGRESSORS: dict[type, Regress] = {}
"""Fitted regressor → a value of shape (N, targets): what its ``predict`` gives."""
CLASSIFIERS: dict[type, Classify] = {}
"""Fitted classifier → label, probabilities and decision."""
REFUSED: dict[type, tuple[str, str]] = {}
"""Classes without a conversion of which more is known: why, and what can be exported instead."""
WRITE_GRAPH = "write_graph"
"""The method by which a transformer that is not in the table writes itself: ``write_graph(pen, columns) -> Columns``."""
TAKE_TEXT: set[type] = set()
"""Steps that take columns of texts, or hand them on as they are."""
SAFE_IN_SINGLE: set[type] = set()
"""Steps that answer the same whether their input is float32 or the same numbers in float64."""


def transformer(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of transformers."""
    return _register(TRANSFORMERS, kinds)


def regressor(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of regressors."""
    return _register(REGRESSORS, kinds)


def classifier(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of classifiers."""
    return _register(CLASSIFIERS, kinds)


def safe_in_single(*kinds: type) -> None:
    """Say that steps answer the same whether their input is float32 or the same numbers in float64."""
    SAFE_IN_SINGLE.update(kinds)


def refuse_kind(kind: type, reason: str, nearest: str) -> None:
    """Say why a class has no conversion, and what can be exported instead."""
    REFUSED[kind] = reason, nearest


def takes_text(*kinds: type) -> None:
    """Say that steps take columns of texts, or hand them on as they are."""
    TAKE_TEXT.update(kinds)


def _register(table: dict[type, Any], kinds: tuple[type, ...]) -> Callable[[Function], Function]:
    def keep(function: Function) -> Function:
        for kind in kinds:
            table[kind] = function
        return function

    return keep


def transform(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Write a fitted transformer.

    Raises:
        ExportError: it has no exact conversion.
    """
    if type(model) not in TRANSFORMERS and callable(getattr(type(model), WRITE_GRAPH, None)):
        result = _write_own(pen, model, columns)
    else:
        result = _find(pen, TRANSFORMERS, model, "transformer", columns)(pen, model, columns)
    pen.graph.steps.append(Step(pen.step, model, result))
    pen.graph.widths[result.name] = result.width
    return result


def _write_own(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Let a transformer that the project does not know write itself.

    Raises:
        ExportError: a subclass computes something else than the class that wrote the method, the transformer would see
            strings or float32, or what it returns is not what it promises.
    """
    name = type(model).__name__
    pen.require_numbers(columns)
    if columns.single:
        raise pen.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps in front of it",
        )
    order = type(model).__mro__
    writer = next(at for at, kind in enumerate(order) if WRITE_GRAPH in vars(kind))
    computes = next((at for at, kind in enumerate(order) if "transform" in vars(kind)), writer)
    if computes < writer:
        raise pen.refusal(
            f"{name} has a `transform` of its own and inherits `{WRITE_GRAPH}` from {order[writer].__name__}",
            f"a `{WRITE_GRAPH}` in {name} that computes what its `transform` does",
        )
    try:
        result = getattr(model, WRITE_GRAPH)(pen, columns)
    except ExportError:
        raise
    except Exception as error:
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} raised {type(error).__name__}: {error}", "the method without that error"
        ) from error
    if not isinstance(result, Columns) or not result.numeric:
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return columns of numbers, got {type(result).__name__}",
            "`return training.export.values.numbers(name, width)`",
        )
    width = len(model.get_feature_names_out())
    if result.width != width:
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {result.width} columns, `get_feature_names_out` names {width}",
            "as many columns as names",
        )
    return result


def regress(pen: Pen, model: Any, columns: Columns) -> str:
    """Write a fitted regressor; the value has shape (N, targets).

    Raises:
        ExportError: it has no exact conversion.
    """
    result: str = _find(pen, REGRESSORS, model, "regressor", columns)(pen, model, columns)
    pen.graph.steps.append(Step(pen.step, model, result))
    return result


def classify(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Write a fitted classifier.

    Raises:
        ExportError: it has no exact conversion.
    """
    result: Scores = _find(pen, CLASSIFIERS, model, "classifier", columns)(pen, model, columns)
    pen.graph.steps.append(Step(pen.step, model, result))
    return result


def _find(pen: Pen, table: dict[type, Any], model: Any, role: str, columns: Columns) -> Any:
    if columns.has_text and type(model) not in TAKE_TEXT and type(model) not in REFUSED:
        names = columns.names or tuple(map(str, range(columns.width)))
        texts = [name for name, code in zip(names, columns.codes, strict=True) if isinstance(code, TextCodes)]
        raise pen.refusal(
            f"it would see the texts of {texts}", "TfidfVectorizer or CountVectorizer for each, or `type: category`"
        )
    found = table.get(type(model))
    if found is None and type(model) in REFUSED:
        raise pen.refusal(*REFUSED[type(model)])
    if found is None:
        known = ", ".join(sorted(kind.__name__ for kind in table))
        raise pen.refusal(f"{type(model).__name__} has no exact conversion as a {role}", f"one of {known}")
    if columns.single and type(model) not in SAFE_IN_SINGLE:
        raise pen.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps in front of it",
        )
    return found
