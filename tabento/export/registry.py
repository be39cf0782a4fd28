"""The registry of converters: for each class that can be exported, the function that writes it.

A converter belongs to exactly one class, because a subclass can compute something else. A subclass that overrides no
computing method is written with its parent's converter. Any other class writes itself with a ``write_graph`` method
(``tabento.export.custom_classes``), or is traced if the user trusts it (``tabento.export.tracing``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tabento.export.analysis.inexact_sums import mark_transformed
from tabento.export.analysis.raised_errors import require_finite
from tabento.export.custom_classes import (
    WRITE_GRAPH as WRITE_GRAPH,
)
from tabento.export.custom_classes import (
    changed_methods,
    custom_columns,
    custom_scores,
    custom_value,
    equivalent_class,
    overridden_in,
)
from tabento.export.graph.facts import Step
from tabento.export.graph.values import Columns, Scores, TextCodes
from tabento.export.graph.writer import GraphWriter
from tabento.export.tracing import traced_transform
from tabento.export.tracing.trust import FLAG, full_name, is_trusted

Transform = Callable[[GraphWriter, Any, Columns], Columns]
Regress = Callable[[GraphWriter, Any, Columns], str]
Classify = Callable[[GraphWriter, Any, Columns], Scores]
Function = TypeVar("Function", bound=Callable[..., Any])

TRANSFORMERS: dict[type, Transform] = {}
"""By transformer class: the converter, which returns the columns of ``transform``."""
REGRESSORS: dict[type, Regress] = {}
"""By regressor class: the converter, which returns the value of ``predict``, shape (N, targets)."""
CLASSIFIERS: dict[type, Classify] = {}
"""By classifier class: the converter, which returns label, probabilities and decision."""
NEAREST = {
    "transformer": "StandardScaler or KBinsDiscretizer",
    "regressor": "LinearRegression or HistGradientBoostingRegressor",
    "classifier": "LogisticRegression or HistGradientBoostingClassifier",
}
"""For each role the classes that a message suggests: a linear one and a nonlinear one."""
OTHER_LIBRARIES = {
    "catboost": "catboost_trees",
    "category_encoders": "category_encoders_steps",
    "feature_engine": "feature_engine_steps",
    "imblearn": "imbalanced_learn",
    "lightgbm": "lightgbm_trees",
    "xgboost": "xgboost_trees",
}
"""By optional library: the module of this package that registers the library's classes."""
LIBRARIES = frozenset({*OTHER_LIBRARIES, "sklearn", "tabento"})
"""Packages whose classes a user does not change, so that no message suggests a ``write_graph`` method for them."""
REFUSALS: dict[type, tuple[str, str]] = {}
"""By class without a conversion: the reason and the nearest alternative."""
TAKE_TEXT: set[type] = set()
"""Classes of steps that accept columns of texts, or pass them on unchanged."""
SAME_IN_FLOAT32: set[type] = set()
"""Classes of steps whose output is the same for float32 input and for the same numbers in float64."""

SUMS: set[type] = set()
"""Classes of estimators whose sums or exponentials have other last bits in BLAS and NumPy than in ONNX Runtime."""
SUMMED_LABELS: set[type] = set()
"""The classes in ``SUMS`` whose labels depend on such sums too, even with several classes."""
STEADY_MEMBERS = "members that are trees or nearest neighbours of equal weight, or a linear model as the last step"


def transformer(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of transformers."""
    return _register(TRANSFORMERS, kinds)


def regressor(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of regressors."""
    return _register(REGRESSORS, kinds)


def classifier(*kinds: type) -> Callable[[Function], Function]:
    """Register a converter of classifiers."""
    return _register(CLASSIFIERS, kinds)


def same_in_float32(*kinds: type) -> None:
    """Register classes whose output is the same for float32 input and for the same numbers in float64."""
    SAME_IN_FLOAT32.update(kinds)


def refuse_kind(kind: type, reason: str, nearest: str) -> None:
    """Register the reason why a class has no conversion, and the nearest alternative."""
    REFUSALS[kind] = reason, nearest


def takes_text(*kinds: type) -> None:
    """Register classes of steps that accept columns of texts, or pass them on unchanged."""
    TAKE_TEXT.update(kinds)


def has_inexact_sums(*kinds: type, labels: bool = False) -> None:
    """Register estimators whose outputs have machine-dependent last bits, so that no discontinuous step can follow them.

    Args:
        kinds: classes of estimators.
        labels: whether the labels depend on such sums too. Labels from a matrix product need not be registered:
            ``tabento.export.formulas.links.product`` marks the product itself.
    """
    SUMS.update(kinds)
    if labels:
        SUMMED_LABELS.update(kinds)


def _register(table: dict[type, Any], kinds: tuple[type, ...]) -> Callable[[Function], Function]:
    def keep(function: Function) -> Function:
        for kind in kinds:
            table[kind] = function
        return function

    return keep


def transform(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write a fitted transformer and return its columns.

    Raises:
        ExportError: the transformer has no exact conversion.
    """
    _register_libraries_of(model)
    require_finite(writer, columns, model)
    if _writes_itself(TRANSFORMERS, model):
        result = custom_columns(writer, model, columns)
    elif _is_traced(model):
        result = traced_transform(writer, model, columns)
    else:
        result = _converter_of(writer, TRANSFORMERS, model, "transformer", columns)(writer, model, columns)
    writer.graph.steps.append(Step(writer.step, model, result))
    writer.graph.widths[result.name] = result.width
    mark_transformed(writer, model, columns, result)
    if isinstance(model, OneHotEncoder | OrdinalEncoder) and np.dtype(model.dtype).kind in "biu":
        writer.keep_dtypes(result.name, [np.dtype(model.dtype)] * result.width)
    return result


def regress(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write a fitted regressor and return its value of shape (N, targets).

    Raises:
        ExportError: the regressor has no exact conversion.
    """
    _register_libraries_of(model)
    require_finite(writer, columns, model)
    if _writes_itself(REGRESSORS, model):
        result = custom_value(writer, model, columns)
    else:
        result = _converter_of(writer, REGRESSORS, model, "regressor", columns)(writer, model, columns)
        _mark_inexact_sums(writer, REGRESSORS, model, [result])
    writer.graph.steps.append(Step(writer.step, model, result))
    return result


def classify(writer: GraphWriter, model: Any, columns: Columns, *, several: bool = False) -> Scores:
    """Write a fitted classifier.

    Args:
        writer: the graph writer at the classifier's step.
        model: the fitted classifier.
        columns: the columns that it receives.
        several: whether several labels per row are accepted. A caller that needs one label passes False.

    Raises:
        ExportError: the classifier has no exact conversion.
    """
    _register_libraries_of(model)
    require_finite(writer, columns, model)
    if _writes_itself(CLASSIFIERS, model):
        result = custom_scores(writer, model, columns)
    else:
        result = _converter_of(writer, CLASSIFIERS, model, "classifier", columns)(writer, model, columns)
        kind = _converted_class(CLASSIFIERS, model)
        uncertain_values = [result.probabilities, *([result.label, result.decision] if kind in SUMMED_LABELS else [])]
        uncertain_values += [result.decision] if result.decision in writer.graph.machine_dependent else []
        _mark_inexact_sums(writer, CLASSIFIERS, model, [value for value in uncertain_values if value is not None])
    if result.count > 1 and not several:
        raise writer.refusal(f"it gives {result.count} labels to a row", "one classifier per label")
    writer.graph.steps.append(Step(writer.step, model, result))
    return result


def register_library(library: str) -> None:
    """Import the converters of a library in ``OTHER_LIBRARIES``. Other names are ignored.

    They are imported when the first object of the library is found, because the import of all libraries takes seconds.
    """
    module = OTHER_LIBRARIES.get(library)
    if module is not None:
        import_module(f"tabento.export.converters.other_libraries.{module}")


def _register_libraries_of(model: Any) -> None:
    for kind in type(model).__mro__:
        register_library(kind.__module__.partition(".")[0])


def _writes_itself(table: dict[type, Any], model: Any) -> bool:
    return type(model) not in table and callable(getattr(type(model), WRITE_GRAPH, None))


def _is_traced(model: Any) -> bool:
    kind = type(model)
    return (
        kind not in TRANSFORMERS
        and equivalent_class(kind, TRANSFORMERS) is None
        and is_trusted(kind)
        and _transforms(kind)
    )


def _transforms(kind: type) -> bool:
    return callable(getattr(kind, "transform", None))


def _converted_class(table: dict[type, Any], model: Any) -> type | None:
    """Return the class whose converter writes a model."""
    return type(model) if type(model) in table else equivalent_class(type(model), table)


def _mark_inexact_sums(writer: GraphWriter, table: dict[type, Any], model: Any, values: Sequence[str]) -> None:
    for value in values:
        # A machine-dependent product is described by its estimator's name. An outer estimator does not change the description.
        unnamed = value in writer.graph.machine_dependent and writer.graph.remedies.get(value) != STEADY_MEMBERS
        if _converted_class(table, model) not in SUMS and not unnamed:
            continue
        node = writer.graph.producer(value)
        # A stack reads the second of two concatenated probabilities directly, so the parts are marked as well.
        parts = list(node.input) if node is not None and node.op_type == "Concat" else []
        for part in [*parts, value]:
            writer.mark_machine_dependent(
                part,
                f"the answers of {type(model).__name__}, whose last bits depend on the computer",
                STEADY_MEMBERS,
            )


def _converter_of(writer: GraphWriter, table: dict[type, Any], model: Any, role: str, columns: Columns) -> Any:
    if columns.has_text and type(model) not in TAKE_TEXT and type(model) not in REFUSALS:
        names = columns.names or tuple(map(str, range(columns.width)))
        texts = [name for name, code in zip(names, columns.codes, strict=True) if isinstance(code, TextCodes)]
        raise writer.refusal(
            f"it would receive the texts of {texts}", "TfidfVectorizer or CountVectorizer for each, or `type: category`"
        )
    if type(model) in REFUSALS and type(model) not in table:
        raise writer.refusal(*REFUSALS[type(model)])
    kind = _converted_class(table, model)
    if kind is None or overridden_in(model):
        raise writer.refusal(*_refusal_of_unknown(table, model, role))
    if columns.is_float32 and kind not in SAME_IN_FLOAT32:
        raise writer.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps before it",
        )
    return table[kind]


def _refusal_of_unknown(table: dict[type, Any], model: Any, role: str) -> tuple[str, str]:
    """Return the reason why a class is refused, and the nearest alternative."""
    kind = type(model)
    name = kind.__name__
    parent = next((base for base in kind.__mro__[1:] if base in table), None)
    reason = f"{_class_name(kind)} has no exact conversion as a {role}"
    if parent is not None:
        changed = ", ".join(f"`{method}`" for method in changed_methods(kind, parent) or overridden_in(model))
        reason += f": it is a {parent.__name__} with {changed} of its own"
    if kind.__module__.partition(".")[0] in LIBRARIES:
        return reason, f"{NEAREST[role]}; docs/export.md lists all"
    custom_remedy = f"a method `{WRITE_GRAPH}` in {name} that writes what it computes, see docs/export.md"
    if role == "transformer":
        custom_remedy += f", or {FLAG} {full_name(kind)} if `transform` is NumPy on columns"
    return reason, custom_remedy if parent is None else f"{parent.__name__} itself, or {custom_remedy}"


def _class_name(kind: type) -> str:
    """Return a class's name, with its module if it is not scikit-learn's: other libraries have classes of the same name."""
    module = kind.__module__
    return kind.__name__ if module.split(".")[0] in ("sklearn", "tabento") else f"{module}.{kind.__name__}"
