"""Attributes that the installed scikit-learn expects of fitted objects and that an older version did not set.

The objects are changed in place after the file was read. Learned values do not change: values are added that the
older version implied, and legacy classes are replaced. ``version_comparison`` decides whether the upgraded pipeline gives the
answers of the older version.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import scipy.sparse
from sklearn._loss import loss as losses
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.preprocessing import FunctionTransformer, TargetEncoder
from sklearn.svm._base import BaseLibSVM
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_array

from tabento.adopt.errors import AdoptionError
from tabento.adopt.versions import legacy_classes

_LEAVES = (str, bytes, int, float, bool, complex, type(None), type, FunctionType, MethodType, ModuleType, np.generic)

_SHARE_SLACK = 1e-6
"""The largest distance of the sum of shares from 1: they are quotients of doubles."""


def upgrade(pipeline: Any) -> tuple[str, ...]:
    """Upgrade a pipeline that an older version has fitted to the installed version.

    Args:
        pipeline: as read from its file; changed in place.

    Returns:
        The added and replaced attributes, one short phrase for each kind, sorted.

    Raises:
        AdoptionError: an estimator cannot be upgraded to the installed version.
    """
    changes: set[str] = set()
    for item in held_objects(pipeline):
        for kind, change in _CHANGES:
            if isinstance(item, kind):
                changes.update(change(item))
    return tuple(sorted(changes))


def held_objects(root: Any) -> Iterator[Any]:
    """Yield every Python object that a pipeline holds, inner ones last, each once."""
    pending, visited = [root], set()
    while pending:
        item = pending.pop()
        if isinstance(item, _LEAVES) or id(item) in visited or scipy.sparse.issparse(item):
            continue
        visited.add(id(item))
        yield item
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list | tuple | set | frozenset):
            pending += item
        elif isinstance(item, np.ndarray):
            pending += item.ravel().tolist() if item.dtype == object else []
        else:
            pending += getattr(item, "__dict__", {}).values()


def _parameters(estimator: Any) -> Iterator[str]:
    """Set parameters that the older version did not have to their defaults, which keep its behaviour."""
    kind = type(estimator)
    if not kind.__module__.startswith("sklearn."):
        return
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name != "self" and parameter.default is not parameter.empty and name not in vars(estimator):
            setattr(estimator, name, parameter.default)
            yield f"{kind.__name__}.{name}"


def _imputer(imputer: Any) -> Iterator[str]:
    """1.8 separates the type of the imputed values from the type of the fitted values."""
    if hasattr(imputer, "statistics_") and not hasattr(imputer, "_fill_dtype"):
        imputer._fill_dtype = getattr(imputer, "_fit_dtype", imputer.statistics_.dtype)
        yield "SimpleImputer._fill_dtype"


def _column_transformer(transformer: Any) -> Iterator[str]:
    """1.4 fits a step for ``passthrough``; 1.5 to 1.7 wrap the remainder's columns."""
    fitted = []
    for name, step, columns in getattr(transformer, "transformers_", ()):
        if isinstance(columns, legacy_classes.RemainderColumns):
            columns = list(columns)
            yield "ColumnTransformer.transformers_"
        if isinstance(step, str) and step == "passthrough":
            step = FunctionTransformer(accept_sparse=True, check_inverse=False, feature_names_out="one-to-one")
            selected = transformer._transformer_to_input_indices[name]
            step.n_features_in_ = len(selected)
            if hasattr(transformer, "feature_names_in_"):
                step.feature_names_in_ = transformer.feature_names_in_[selected]
            yield "ColumnTransformer.transformers_"
        fitted.append((name, step, columns))
    if fitted:
        transformer.transformers_ = fitted
    remainder = getattr(transformer, "_remainder", None)
    if isinstance(remainder, tuple) and isinstance(remainder[-1], legacy_classes.RemainderColumns):
        transformer._remainder = (*remainder[:-1], list(remainder[-1]))
    indices = getattr(transformer, "_transformer_to_input_indices", {})
    for name, columns in indices.items():
        if isinstance(columns, legacy_classes.RemainderColumns):
            indices[name] = list(columns)


def _function_transformer(transformer: Any) -> Iterator[str]:
    """1.6 renames an option of ``check_array``, which histogram boosting calls through a step of its own."""
    func = transformer.func
    if isinstance(func, functools.partial) and func.func is check_array and "force_all_finite" in func.keywords:
        options = dict(func.keywords)
        options["ensure_all_finite"] = options.pop("force_all_finite")
        transformer.func = functools.partial(check_array, *func.args, **options)
        yield "FunctionTransformer.func"


def _hist_boosting(boosting: Any) -> Iterator[str]:
    """1.4 encodes categories in a step of its own; before, the codes were in the data.

    Raises:
        AdoptionError: it was fitted on such codes.
    """
    if hasattr(boosting, "_predictors") and not hasattr(boosting, "_preprocessor"):
        if boosting.is_categorical_ is not None:
            raise AdoptionError(
                f"its {type(boosting).__name__} was fitted with categorical_features, which versions before 1.4 store"
                " differently. Fit it again with the installed version."
            )
        boosting._preprocessor = None
        boosting._is_categorical_remapped = boosting.is_categorical_
        yield "HistGradientBoosting._preprocessor"


def _tree_classifier(tree: Any) -> Iterator[str]:
    """1.4 holds shares of classes in the nodes of a tree; before, they were numbers of rows, divided in predict_proba."""
    if not hasattr(tree, "tree_"):
        return
    values = tree.tree_.value
    totals = values.sum(axis=-1, keepdims=True)
    if (np.abs(totals - 1) > _SHARE_SLACK).any() and (totals > 0).all():
        np.divide(values, totals, out=values)
        yield f"{type(tree).__name__}.tree_"


def _ridge_classifier(classifier: Any) -> Iterator[str]:
    """1.8 keeps the classes; before, an inner encoder kept them."""
    if hasattr(classifier, "_label_binarizer") and "classes_" not in vars(classifier):
        classifier.classes_ = classifier._label_binarizer.classes_
        yield f"{type(classifier).__name__}.classes_"


def _target_encoder(encoder: Any) -> Iterator[str]:
    """1.4 encodes for several classes; before, it had no classes."""
    if hasattr(encoder, "encodings_") and not hasattr(encoder, "classes_"):
        encoder.classes_ = None
        yield "TargetEncoder.classes_"


def _support_vectors(machine: Any) -> Iterator[str]:
    """1.9 separates whether probabilities are computed from the parameter that asks for them."""
    if hasattr(machine, "support_vectors_") and not hasattr(machine, "_effective_probability"):
        machine._effective_probability = machine.probability
        yield f"{type(machine).__name__}._effective_probability"


def _loss(loss: Any) -> Iterator[str]:
    """1.9 computes losses with other array libraries as well; an old loss gets the attributes of a new loss."""
    for name in ("xp", "device", "class_indexing_offsets", "y_true_int", "y_true_one_hot"):
        if name not in vars(loss):
            setattr(loss, name, None)
            yield f"{type(loss).__name__}.{name}"


def _boosting(boosting: Any) -> Iterator[str]:
    """1.4 replaces the losses of gradient boosting and counts the trees of a round."""
    if hasattr(boosting, "estimators_") and not hasattr(boosting, "n_trees_per_iteration_"):
        boosting.n_trees_per_iteration_ = boosting.estimators_.shape[1]
        yield f"{type(boosting).__name__}.n_trees_per_iteration_"
    old = getattr(boosting, "_loss", None)
    if isinstance(old, legacy_classes.BoostingLoss):
        boosting._loss = _boosting_loss(old, boosting)
        yield f"{type(boosting).__name__}._loss"


def _boosting_loss(old: legacy_classes.BoostingLoss, boosting: Any) -> Any:
    match old:
        case legacy_classes.LeastSquaresError():
            return losses.HalfSquaredError()
        case legacy_classes.LeastAbsoluteError():
            return losses.AbsoluteError()
        case legacy_classes.HuberLossFunction():
            return losses.HuberLoss(quantile=boosting.alpha)
        case legacy_classes.QuantileLossFunction():
            return losses.PinballLoss(quantile=boosting.alpha)
        case legacy_classes.BinomialDeviance():
            return losses.HalfBinomialLoss()
        case legacy_classes.MultinomialDeviance():
            return losses.HalfMultinomialLoss(n_classes=len(boosting.classes_))
        case _:
            return losses.ExponentialLoss()


def _tfidf(transformer: Any) -> Iterator[str]:
    """1.5 keeps the numbers of the terms as an array; before it was a diagonal matrix, which is overlooked now."""
    diagonal = vars(transformer).get("_idf_diag")
    if diagonal is not None and "idf_" not in vars(transformer):
        transformer.idf_ = np.asarray(diagonal.diagonal(), dtype=np.float64)
        yield "TfidfTransformer.idf_"


_CHANGES: tuple[tuple[type | tuple[type, ...], Callable[[Any], Iterator[str]]], ...] = (
    (BaseEstimator, _parameters),
    (SimpleImputer, _imputer),
    (ColumnTransformer, _column_transformer),
    (FunctionTransformer, _function_transformer),
    (BaseHistGradientBoosting, _hist_boosting),
    (DecisionTreeClassifier, _tree_classifier),
    ((RidgeClassifier, RidgeClassifierCV), _ridge_classifier),
    (TargetEncoder, _target_encoder),
    (BaseLibSVM, _support_vectors),
    (TfidfTransformer, _tfidf),
    (losses.BaseLoss, _loss),
    ((GradientBoostingClassifier, GradientBoostingRegressor), _boosting),
)
"""Which objects are changed, and how; objects of older versions that need nothing are left as they are."""
