"""Classes of a user's own: those that write themselves with ``write_graph``, and those that only rename a known class.

The protocol is one method, ``write_graph(self, pen, columns)``. It adds the nodes that compute what the class computes: a
transformer returns ``pen.numbers(value, width)``, a regressor the name of a value of shape (N, targets), a classifier
``pen.scores(label, probabilities, decision)``. Whether it is right is proven like everything else.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from training.export.errors import ExportError
from training.export.pen import Pen
from training.export.values import Columns, Scores

WRITE_GRAPH = "write_graph"
"""The method by which a class that is in no table writes itself: ``write_graph(pen, columns)``."""
COMPUTING = ("transform", "predict", "predict_proba", "decision_function")
"""The methods that a graph stands for."""
HARMLESS = frozenset(
    (
        "__abstractmethods__",
        "__annotations__",
        "__annotate_func__",
        "__annotations_cache__",
        "__classcell__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__getstate__",
        "__init__",
        "__module__",
        "__orig_bases__",
        "__parameters__",
        "__repr__",
        "__setstate__",
        "__sklearn_tags__",
        "__slotnames__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
        "_build_request_for_signature",
        "_get_default_requests",
        "_sklearn_auto_wrap_output_keys",
        "_parameter_constraints",
        "fit",
        "fit_predict",
        "fit_transform",
        "get_feature_names_out",
        "get_params",
        "partial_fit",
        "score",
        "set_params",
    )
)
"""What a subclass may change without another answer: a converter reads what was fitted, as the class's own methods do."""


def same_as(kind: type, table: Collection[type]) -> type | None:
    """Return the class of a table that a subclass computes as, None where it may compute something else."""
    parent = next((base for base in kind.__mro__[1:] if base in table), None)
    return None if parent is None or changed_methods(kind, parent) else parent


def changed_methods(kind: type, parent: type) -> list[str]:
    """Return what a subclass, or what it is mixed with, changes of a class beyond what is harmless."""
    mixed = [base for base in kind.__mro__ if base not in parent.__mro__]
    changed = {
        name
        for base in mixed
        for name in vars(base)
        if name not in HARMLESS and (hasattr(parent, name) or name == "__getattr__") and not _is_request(name)
    }
    return sorted(changed)


def overridden_in(model: Any) -> list[str]:
    """Return which methods that compute were put into a fitted object itself."""
    return [name for name in COMPUTING if name in getattr(model, "__dict__", {})]


def _is_request(name: str) -> bool:
    """Say whether scikit-learn made a method for metadata routing, as it does for each subclass."""
    return name.startswith("set_") and name.endswith("_request")


def own_columns(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Let a transformer write itself.

    Raises:
        ExportError: a subclass computes something else than the class that wrote the method, the transformer would see
            strings or float32, or what it returns is not what it promises.
    """
    result = _written(pen, model, columns, ("transform",))
    name = type(model).__name__
    if not isinstance(result, Columns) or not result.numeric:
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return columns of numbers, got {type(result).__name__}",
            "`return pen.numbers(value, width)`",
        )
    _require_value(pen, name, result.name, result.width)
    width = _width(model)
    if width not in (None, result.width):
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {result.width} columns, `get_feature_names_out` names {width}",
            "as many columns as names",
        )
    return result


def own_value(pen: Pen, model: Any, columns: Columns) -> str:
    """Let a regressor write itself.

    Raises:
        ExportError: see ``own_columns``.
    """
    result = _written(pen, model, columns, ("predict",))
    name = type(model).__name__
    if not isinstance(result, str):
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return the name of a value, got {type(result).__name__}",
            "`return pen.node(...)` of shape (N, targets)",
        )
    _require_value(pen, name, result, None)
    return result


def own_scores(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Let a classifier write itself.

    Raises:
        ExportError: see ``own_columns``.
    """
    result = _written(pen, model, columns, ("predict", "predict_proba", "decision_function"))
    name = type(model).__name__
    if not isinstance(result, Scores):
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return scores, got {type(result).__name__}",
            "`return pen.scores(label, probabilities)`, where the label is the index of the class, of shape (N, 1)",
        )
    _require_value(pen, name, result.label, 1)
    for value in (result.probabilities, result.decision):
        if value is not None:
            _require_value(pen, name, value, len(model.classes_) if value == result.probabilities else None)
    return result


def _written(pen: Pen, model: Any, columns: Columns, computing: tuple[str, ...]) -> Any:
    """Call ``write_graph``; whatever is wrong about it is told in words."""
    name = type(model).__name__
    pen.require_numbers(columns)
    if columns.single:
        raise pen.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps in front of it",
        )
    order = type(model).__mro__
    writer = next(at for at, kind in enumerate(order) if WRITE_GRAPH in vars(kind))
    for method in computing:
        computes = next((at for at, kind in enumerate(order) if method in vars(kind)), writer)
        if computes < writer or method in overridden_in(model):
            raise pen.refusal(
                f"{name} has a `{method}` of its own and inherits `{WRITE_GRAPH}` from {order[writer].__name__}",
                f"a `{WRITE_GRAPH}` in {name} that computes what its `{method}` does",
            )
    try:
        return getattr(model, WRITE_GRAPH)(pen, columns)
    except ExportError:
        raise
    except Exception as error:
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} raised {type(error).__name__}: {error}", "the method without that error"
        ) from error


def _require_value(pen: Pen, name: str, value: Any, width: int | None) -> None:
    """Refuse a value that is not in the graph, or has another number of columns than it should."""
    graph = pen.graph
    known = {given.name for given in graph.inputs}
    if not isinstance(value, str) or (value not in known and graph.producer(value) is None):
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {value!r}, which is no value of the graph",
            "what `pen.node(...)` returned",
        )
    found = graph.width(value)
    if width is not None and found not in (None, width):
        raise pen.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {width} columns, and its value has {found}",
            "the number of the value's columns",
        )


def _width(model: Any) -> int | None:
    """Return how many columns a transformer names, None where it names none."""
    try:
        return len(model.get_feature_names_out())
    except Exception:  # a class of a user's own may lack the method, or raise whatever it likes
        return None
