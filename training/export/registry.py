"""Which converter writes which class: the one table that tells what can be exported.

A converter belongs to exactly one class; a subclass may compute something else. One that changes nothing that computes is
written as the class that it is made of; any other writes itself (``training.export.own``), or is traced if it is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from training.export.graph import Step
from training.export.own import (
    WRITE_GRAPH as WRITE_GRAPH,
)
from training.export.own import (
    changed_methods,
    overridden_in,
    own_columns,
    own_scores,
    own_value,
    same_as,
)
from training.export.pen import Pen
from training.export.raises import require_finite
from training.export.sums import mark_transformed
from training.export.tracing import traced_transform
from training.export.tracing.trust import FLAG, full_name, is_trusted
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
NEAREST = {
    "transformer": "StandardScaler or KBinsDiscretizer",
    "regressor": "LinearRegression or HistGradientBoostingRegressor",
    "classifier": "LogisticRegression or HistGradientBoostingClassifier",
}
"""What is exported of each kind, one plain class and one that bends."""
OTHER_LIBRARIES = {
    "catboost": "catboost_trees",
    "category_encoders": "category_encoders_steps",
    "feature_engine": "feature_engine_steps",
    "imblearn": "imbalanced",
    "lightgbm": "lightgbm_trees",
    "xgboost": "xgboost_trees",
}
"""By library that somebody may have installed: the module of this package that registers its classes."""
LIBRARIES = frozenset({*OTHER_LIBRARIES, "sklearn", "training"})
"""Packages whose classes nobody changes for an export."""
REFUSED: dict[type, tuple[str, str]] = {}
"""Classes without a conversion of which more is known: why, and what can be exported instead."""
TAKE_TEXT: set[type] = set()
"""Steps that take columns of texts, or hand them on as they are."""
SAFE_IN_SINGLE: set[type] = set()
"""Steps that answer the same whether their input is float32 or the same numbers in float64."""

SUMS: set[type] = set()
"""Estimators whose numbers are sums or exponentials with other last bits in BLAS and NumPy than in ONNX Runtime."""
SUMMED_LABELS: set[type] = set()
"""Those of them whose labels are decided by such sums as well, even with several classes."""
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


def safe_in_single(*kinds: type) -> None:
    """Say that steps answer the same whether their input is float32 or the same numbers in float64."""
    SAFE_IN_SINGLE.update(kinds)


def refuse_kind(kind: type, reason: str, nearest: str) -> None:
    """Say why a class has no conversion, and what can be exported instead."""
    REFUSED[kind] = reason, nearest


def takes_text(*kinds: type) -> None:
    """Say that steps take columns of texts, or hand them on as they are."""
    TAKE_TEXT.update(kinds)


def adds_up(*kinds: type, labels: bool = False) -> None:
    """Say that the last bits of what estimators answer are the machine's, so that no jump may stand behind them.

    Args:
        kinds: classes of estimators.
        labels: whether that decides their labels, too. Labels that follow from a product of matrices need not be
            named: ``training.export.links.product`` marks those that have no bits of their own.
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


def transform(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Write a fitted transformer.

    Raises:
        ExportError: it has no exact conversion.
    """
    _meet(model)
    require_finite(pen, columns, model)
    if _writes_itself(TRANSFORMERS, model):
        result = own_columns(pen, model, columns)
    elif _is_traced(model):
        result = traced_transform(pen, model, columns)
    else:
        result = _find(pen, TRANSFORMERS, model, "transformer", columns)(pen, model, columns)
    pen.graph.steps.append(Step(pen.step, model, result))
    pen.graph.widths[result.name] = result.width
    mark_transformed(pen, model, columns, result)
    if isinstance(model, OneHotEncoder | OrdinalEncoder) and np.dtype(model.dtype).kind in "biu":
        pen.keep_dtypes(result.name, [np.dtype(model.dtype)] * result.width)
    return result


def regress(pen: Pen, model: Any, columns: Columns) -> str:
    """Write a fitted regressor; the value has shape (N, targets).

    Raises:
        ExportError: it has no exact conversion.
    """
    _meet(model)
    require_finite(pen, columns, model)
    if _writes_itself(REGRESSORS, model):
        result = own_value(pen, model, columns)
    else:
        result = _find(pen, REGRESSORS, model, "regressor", columns)(pen, model, columns)
        _mark_sums(pen, REGRESSORS, model, [result])
    pen.graph.steps.append(Step(pen.step, model, result))
    return result


def classify(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Write a fitted classifier.

    Raises:
        ExportError: it has no exact conversion.
    """
    _meet(model)
    require_finite(pen, columns, model)
    if _writes_itself(CLASSIFIERS, model):
        result = own_scores(pen, model, columns)
    else:
        result = _find(pen, CLASSIFIERS, model, "classifier", columns)(pen, model, columns)
        kind = _kind(CLASSIFIERS, model)
        given = [result.probabilities, *([result.label, result.decision] if kind in SUMMED_LABELS else [])]
        given += [result.decision] if result.decision in pen.graph.unsettled else []
        _mark_sums(pen, CLASSIFIERS, model, [value for value in given if value is not None])
    pen.graph.steps.append(Step(pen.step, model, result))
    return result


def register_library(library: str) -> None:
    """Register the converters of one of ``OTHER_LIBRARIES``; of any other package there is nothing to register.

    They are registered when one of their objects is met: together these libraries take seconds to import.
    """
    module = OTHER_LIBRARIES.get(library)
    if module is not None:
        import_module(f"training.export.{module}")


def _meet(model: Any) -> None:
    for kind in type(model).__mro__:
        register_library(kind.__module__.partition(".")[0])


def _writes_itself(table: dict[type, Any], model: Any) -> bool:
    return type(model) not in table and callable(getattr(type(model), WRITE_GRAPH, None))


def _is_traced(model: Any) -> bool:
    kind = type(model)
    return kind not in TRANSFORMERS and same_as(kind, TRANSFORMERS) is None and is_trusted(kind) and _transforms(kind)


def _transforms(kind: type) -> bool:
    return callable(getattr(kind, "transform", None))


def _kind(table: dict[type, Any], model: Any) -> type | None:
    """Return the class by which a model is converted."""
    return type(model) if type(model) in table else same_as(type(model), table)


def _mark_sums(pen: Pen, table: dict[type, Any], model: Any, values: Sequence[str]) -> None:
    for value in values:
        # A product that has no bits of its own gets the name of its estimator; what holds that one does not rename it.
        unnamed = value in pen.graph.unsettled and pen.graph.remedies.get(value) != STEADY_MEMBERS
        if _kind(table, model) not in SUMS and not unnamed:
            continue
        node = pen.graph.producer(value)
        # Of two probabilities laid side by side a stack takes the second as it was made.
        parts = list(node.input) if node is not None and node.op_type == "Concat" else []
        for part in [*parts, value]:
            pen.unsettle(
                part,
                f"the answers of {type(model).__name__}, whose last bits hang on the machine's sums",
                STEADY_MEMBERS,
            )


def _find(pen: Pen, table: dict[type, Any], model: Any, role: str, columns: Columns) -> Any:
    if columns.has_text and type(model) not in TAKE_TEXT and type(model) not in REFUSED:
        names = columns.names or tuple(map(str, range(columns.width)))
        texts = [name for name, code in zip(names, columns.codes, strict=True) if isinstance(code, TextCodes)]
        raise pen.refusal(
            f"it would see the texts of {texts}", "TfidfVectorizer or CountVectorizer for each, or `type: category`"
        )
    if type(model) in REFUSED and type(model) not in table:
        raise pen.refusal(*REFUSED[type(model)])
    kind = _kind(table, model)
    if kind is None or overridden_in(model):
        raise pen.refusal(*_unknown(table, model, role))
    if columns.single and kind not in SAFE_IN_SINGLE:
        raise pen.refusal(
            "it would compute in float32, because every column that reaches it is float32",
            "dtype=float64 in the steps in front of it",
        )
    return table[kind]


def _unknown(table: dict[type, Any], model: Any, role: str) -> tuple[str, str]:
    """Return why a class is refused and what can be exported instead."""
    kind = type(model)
    name = kind.__name__
    parent = next((base for base in kind.__mro__[1:] if base in table), None)
    reason = f"{_named(kind)} has no exact conversion as a {role}"
    if parent is not None:
        changed = ", ".join(f"`{method}`" for method in changed_methods(kind, parent) or overridden_in(model))
        reason += f": it is a {parent.__name__} with {changed} of its own"
    if kind.__module__.partition(".")[0] in LIBRARIES:
        return reason, f"{NEAREST[role]}; docs/export.md lists all"
    own = f"a method `{WRITE_GRAPH}` in {name} that writes what it computes, see docs/export.md"
    if role == "transformer":
        own += f", or {FLAG} {full_name(kind)} if `transform` is NumPy on columns"
    return reason, own if parent is None else f"{parent.__name__} itself, or {own}"


def _named(kind: type) -> str:
    """Return a class's name, with its module where it is not scikit-learn's: others have classes of the same names."""
    module = kind.__module__
    return kind.__name__ if module.split(".")[0] in ("sklearn", "training") else f"{module}.{kind.__name__}"
