"""Custom classes: classes of a user with a ``write_graph`` method, and subclasses that compute the same as their parent.

The protocol is one method, ``write_graph(self, writer, columns)``. It adds the nodes that compute the same as the class.
A transformer returns ``writer.numbers(value, width)``, a regressor the name of a value of shape (N, targets), a classifier
``writer.scores(label, probabilities, decision)``. The proof of parity tests the result like every other conversion.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tabento.export.errors import ExportError
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter

WRITE_GRAPH = "write_graph"
"""The name of the method with which a class that has no converter writes itself."""
COMPUTING = ("transform", "predict", "predict_proba", "decision_function")
"""The methods whose results the graph computes."""
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
"""Attributes that a subclass can change without a change of its answers: a converter reads only fitted attributes."""


def equivalent_class(kind: type, table: Collection[type]) -> type | None:
    """Return the parent class in a table whose computation a subclass does not change, or None if it can differ."""
    parent = next((base for base in kind.__mro__[1:] if base in table), None)
    return None if parent is None or changed_methods(kind, parent) else parent


def changed_methods(kind: type, parent: type) -> list[str]:
    """Return the names that a subclass or its mixins change in a parent class, without the harmless ones."""
    mixed = [base for base in kind.__mro__ if base not in parent.__mro__]
    changed = {
        name
        for base in mixed
        for name in vars(base)
        if name not in HARMLESS and (hasattr(parent, name) or name == "__getattr__") and not _is_request(name)
    }
    return sorted(changed)


def overridden_in(model: Any) -> list[str]:
    """Return the computing methods that were set on a fitted object itself."""
    return [name for name in COMPUTING if name in getattr(model, "__dict__", {})]


def _is_request(name: str) -> bool:
    """Return whether scikit-learn generated a method for metadata routing, as it does for each subclass."""
    return name.startswith("set_") and name.endswith("_request")


def custom_columns(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Call ``write_graph`` of a transformer and check its result.

    Raises:
        ExportError: a subclass overrides a computing method without ``write_graph``, the transformer would receive strings
            or float32, or the result is not valid.
    """
    result = _call_write_graph(writer, model, columns, ("transform",))
    name = type(model).__name__
    if not isinstance(result, Columns) or not result.numeric:
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return columns of numbers, got {type(result).__name__}",
            "`return writer.numbers(value, width)`",
        )
    _require_value(writer, name, result.name, result.width)
    width = _named_width(model)
    if width not in (None, result.width):
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {result.width} columns, `get_feature_names_out` names {width}",
            "the same number of columns and names",
        )
    return result


def custom_value(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Call ``write_graph`` of a regressor and check its result.

    Raises:
        ExportError: see ``custom_columns``.
    """
    result = _call_write_graph(writer, model, columns, ("predict",))
    name = type(model).__name__
    if not isinstance(result, str):
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return the name of a value, got {type(result).__name__}",
            "`return writer.node(...)` of shape (N, targets)",
        )
    _require_value(writer, name, result, None)
    return result


def custom_scores(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Call ``write_graph`` of a classifier and check its result.

    Raises:
        ExportError: see ``custom_columns``.
    """
    result = _call_write_graph(writer, model, columns, ("predict", "predict_proba", "decision_function"))
    name = type(model).__name__
    if not isinstance(result, Scores):
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} was expected to return scores, got {type(result).__name__}",
            "`return writer.scores(label, probabilities)`, where the label is the index of the class, of shape (N, 1)",
        )
    _require_value(writer, name, result.label, 1)
    for value in (result.probabilities, result.decision):
        if value is not None:
            _require_value(writer, name, value, len(model.classes_) if value == result.probabilities else None)
    return result


def _call_write_graph(writer: GraphWriter, model: Any, columns: Columns, computing: tuple[str, ...]) -> Any:
    """Call ``write_graph``. Any error in it becomes an ``ExportError``."""
    name = type(model).__name__
    writer.require_numbers(columns)
    if columns.is_float32:
        raise writer.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps before it",
        )
    classes = type(model).__mro__
    definer_index = next(index for index, kind in enumerate(classes) if WRITE_GRAPH in vars(kind))
    for method in computing:
        computing_index = next((index for index, kind in enumerate(classes) if method in vars(kind)), definer_index)
        if computing_index < definer_index or method in overridden_in(model):
            raise writer.refusal(
                f"{name} has a `{method}` of its own and inherits `{WRITE_GRAPH}` from {classes[definer_index].__name__}",
                f"a `{WRITE_GRAPH}` in {name} that computes what its `{method}` does",
            )
    try:
        return getattr(model, WRITE_GRAPH)(writer, columns)
    except ExportError:
        raise
    except Exception as error:
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} raised {type(error).__name__}: {error}", "the method without that error"
        ) from error


def _require_value(writer: GraphWriter, name: str, value: Any, width: int | None) -> None:
    """Refuse a value that is not in the graph, or has the wrong number of columns."""
    graph = writer.graph
    input_names = {graph_input.name for graph_input in graph.inputs}
    if not isinstance(value, str) or (value not in input_names and graph.producer(value) is None):
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {value!r}, which is not a value of the graph",
            "the return value of `writer.node(...)`",
        )
    actual_width = graph.width(value)
    if width is not None and actual_width not in (None, width):
        raise writer.refusal(
            f"`{WRITE_GRAPH}` of {name} returns {width} columns, and its value has {actual_width}",
            "the number of the value's columns",
        )


def _named_width(model: Any) -> int | None:
    """Return the number of columns that a transformer names, or None if it has no names."""
    try:
        return len(model.get_feature_names_out())
    except Exception:  # a custom class can lack the method, or raise any error
        return None
