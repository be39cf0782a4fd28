"""The facts that a fitted pipeline holds about its input columns: columns read, encoders' categories, imputed values.

The walk follows the data through the fitted steps and traces each column to its origin. No step runs. A step of an unknown
class makes its columns opaque; the answers to the sample then decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.impute._base import _BaseImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from tabento.transformers.text_column import TextColumn

VECTORIZERS = (CountVectorizer, HashingVectorizer)
"""Vectorizers that split texts into words; ``TfidfVectorizer`` is a ``CountVectorizer``."""
Origins = tuple[int | None, ...]
"""For each column of a step: the index of its input column, or None if the column was computed."""

_KNOWN_PACKAGES = ("sklearn.", "training.", "xgboost.", "lightgbm.", "catboost.", "imblearn.")
"""Steps of these packages read numbers if no branch below handles them."""
_SINGLE_ATTRIBUTES = ("best_estimator_", "regressor_", "estimator_")
"""The attributes of wrappers that hold one fitted estimator with the same columns."""
_LIST_ATTRIBUTES = ("estimators_", "calibrated_classifiers_")
_WANTS_UNKNOWN = ("ignore", "infrequent_if_exist", "warn", "use_encoded_value")


@dataclass
class ColumnFacts:
    """The facts that the steps hold about one input column."""

    name: str
    read: bool = False
    """Whether any step reads it; a column transformer can drop it."""
    number: bool = False
    """Whether a step reads it as a number."""
    opaque: bool = False
    """Whether a step of an unknown class reads it."""
    imputed: bool = False
    """Whether a step replaces a missing value, or has a category for it."""
    missing_as: Literal["nan", "none"] | None = None
    """The missing value that the handling step expects; None if no step handles missing text."""
    encoded: bool = False
    """Whether an encoder reads it."""
    categorical: bool = False
    """Whether a step treats it as a category, regardless of its values."""
    pandas_categories: tuple[Any, ...] | None = None
    """The categories of a column of pandas' category type, in their order; None for any other column."""
    refuses_unknown: bool = False
    """Whether an encoder raises an error on a value that it does not know."""
    dates: bool = False
    """Whether an encoder has dates of NumPy as categories."""
    split: bool = False
    """Whether a text vectorizer splits it into words."""
    values: list[Any] = field(default_factory=list)
    """The categories of encoders, in their order, without missing."""

    @property
    def text(self) -> bool:
        """Whether an encoder has texts as categories, or a vectorizer splits it."""
        return self.split or any(isinstance(value, str) for value in self.values)


def column_facts(pipeline: Any, names: Iterable[str]) -> dict[str, ColumnFacts]:
    """Walk a fitted pipeline and return its facts about each input column, by name.

    Args:
        pipeline: fitted.
        names: its input columns, in order: ``feature_names_in_``.
    """
    facts = [ColumnFacts(str(name)) for name in names]
    _Walk(facts).through(pipeline, tuple(range(len(facts))))
    return {fact.name: fact for fact in facts}


def drops_by_name(pipeline: Any) -> bool:
    """Return whether a pipeline selects its columns by name, so that the sample can lack the columns that it does not read."""
    if isinstance(pipeline, ColumnTransformer):
        return True
    if isinstance(pipeline, Pipeline):
        return drops_by_name(pipeline.steps[0][1])
    inner_estimators = _inner_estimators(pipeline)
    return len(inner_estimators) == 1 and drops_by_name(inner_estimators[0])


def takes_one_text(pipeline: Any) -> bool:
    """Return whether a fitted pipeline takes only texts, as a series or a list, and not a table with columns."""
    if isinstance(pipeline, Pipeline):
        return takes_one_text(pipeline.steps[0][1])
    if isinstance(pipeline, FeatureUnion):
        return all(takes_one_text(inner) for _, inner in pipeline.transformer_list)
    inner_estimators = _inner_estimators(pipeline) if not isinstance(pipeline, ColumnTransformer) else []
    return isinstance(pipeline, VECTORIZERS) or (
        bool(inner_estimators) and all(takes_one_text(inner) for inner in inner_estimators)
    )


class _Walk:
    """The walk through the steps, which adds to the facts of each column."""

    def __init__(self, facts: list[ColumnFacts]) -> None:
        self._facts = facts

    def through(self, step: Any, origins: Origins) -> Origins:
        """Record the facts of a fitted step, and return the origins of its output columns.

        An empty tuple means that the output columns are unknown.
        """
        if step is None or (isinstance(step, str) and step == "passthrough"):
            return origins
        if hasattr(step, "fit_resample") and not isinstance(step, Pipeline):
            return origins  # imbalanced-learn's samplers work in fit only
        width = getattr(step, "n_features_in_", None)
        if type(step).__module__.startswith("catboost."):
            width = len(step.feature_names_)  # read from a file it counts no features
        if width is not None and width != len(origins):
            origins = (None,) * int(width)
        if isinstance(step, Pipeline):
            for _, inner in step.steps:
                origins = self.through(inner, origins)
            return origins
        if isinstance(step, ColumnTransformer):
            return self._column_transformer(step, origins)
        if isinstance(step, FeatureUnion):
            parts = [self.through(inner, origins) for _, inner in step.transformer_list if inner != "drop"]
            return tuple(origin for part in parts for origin in part) if all(parts) else ()
        if isinstance(step, OneHotEncoder | OrdinalEncoder | TargetEncoder):
            return self._encoder(step, origins)
        if isinstance(step, SimpleImputer):
            return self._simple_imputer(step, origins)
        if isinstance(step, TextColumn):
            return origins
        if isinstance(step, VECTORIZERS):
            for fact in self._read_facts(origins):
                fact.split = True
            return _computed_columns(step)
        return self._other(step, origins)

    def _read_facts(self, origins: Origins) -> list[ColumnFacts]:
        facts = [self._facts[origin] for origin in origins if origin is not None]
        for fact in facts:
            fact.read = True
        return facts

    def _column_transformer(self, step: ColumnTransformer, origins: Origins) -> Origins:
        output: list[int | None] = []
        is_known = True
        for name, inner, _ in step.transformers_:
            selected = tuple(origins[index] for index in step._transformer_to_input_indices[name])
            if (isinstance(inner, str) and inner == "drop") or not selected:
                continue
            self._read_facts(selected)
            part = self.through(inner, selected)
            is_known = is_known and bool(part)
            output += part
        return tuple(output) if is_known else ()

    def _encoder(self, step: Any, origins: Origins) -> Origins:
        unknown = getattr(step, "handle_unknown", "ignore")
        for origin, categories in zip(origins, step.categories_, strict=True):
            if origin is None:
                continue
            (fact,) = self._read_facts((origin,))
            fact.encoded = True
            fact.dates |= categories.dtype.kind in "mM"
            fact.refuses_unknown |= unknown not in _WANTS_UNKNOWN and not isinstance(step, TargetEncoder)
            for value in categories.tolist():
                if value is None or (isinstance(value, float) and math.isnan(value)):
                    fact.imputed = True
                    fact.missing_as = "none" if value is None else "nan"
                elif value not in fact.values:
                    fact.values.append(value)
        return _computed_columns(step)

    def _simple_imputer(self, step: SimpleImputer, origins: Origins) -> Origins:
        for fact in self._read_facts(origins):
            if step.missing_values is None or _is_nan(step.missing_values):
                fact.imputed = True
                fact.missing_as = fact.missing_as or ("none" if step.missing_values is None else "nan")
            elif isinstance(step.missing_values, str) and step.missing_values not in fact.values:
                # A text that represents missing, such as '?', is a value that requests can hold.
                fact.values.append(step.missing_values)
            fact.number |= step.strategy in ("mean", "median")
        empty = np.array([_is_nan(statistic) for statistic in step.statistics_], dtype=bool)
        if step.add_indicator or (empty.any() and not step.keep_empty_features):
            return _computed_columns(step)
        return origins

    def _other(self, step: Any, origins: Origins) -> Origins:
        inner_estimators = _inner_estimators(step)
        if inner_estimators:
            # Each member of a bag has its own columns.
            member_columns = getattr(step, "estimators_features_", None)
            if member_columns is not None:
                for inner, columns in zip(inner_estimators, member_columns, strict=True):
                    self.through(inner, tuple(origins[int(index)] for index in columns))
                return ()
            for inner in inner_estimators:
                self.through(inner, origins)
            return ()
        if isinstance(step, FunctionTransformer) and step.func is np.ravel and len(origins) == 1:
            return origins
        if isinstance(step, FunctionTransformer):
            for fact in self._read_facts(origins if step.func is not None else ()):
                fact.opaque = True
            return origins if step.func is None else _computed_columns(step)
        if isinstance(step, BaseHistGradientBoosting) and step._preprocessor is not None:
            # Its own column transformer: an encoder for its categories, a check for the other columns.
            self._encoder(
                step._preprocessor.named_transformers_["encoder"],
                tuple(origins[index] for index in np.flatnonzero(step.is_categorical_)),
            )
            origins = tuple(origins[index] for index in np.flatnonzero(~step.is_categorical_))
        categories = _pandas_categories(step)
        for index, values in (categories or {}).items():
            for fact in self._read_facts(origins[index : index + 1]):
                fact.pandas_categories = tuple(values)
                fact.categorical = fact.refuses_unknown = True
        if categories:
            origins = tuple(origin for index, origin in enumerate(origins) if index not in categories)
        is_known = f"{type(step).__module__}.".startswith(_KNOWN_PACKAGES) and categories is not None
        texts = _texts_of_catboost(step)
        for index, origin in enumerate(origins):
            if index in texts and origin is not None:
                (fact,) = self._read_facts((origin,))
                fact.categorical = fact.encoded = True
        for fact in self._read_facts(tuple(origin for index, origin in enumerate(origins) if index not in texts)):
            fact.number |= is_known
            fact.opaque |= not is_known
            fact.imputed |= isinstance(step, _BaseImputer | MissingIndicator)
        if isinstance(step, SelectorMixin) and hasattr(step, "n_features_in_"):
            return tuple(origin for origin, is_selected in zip(origins, step.get_support(), strict=True) if is_selected)
        return _computed_columns(step)


def _inner_estimators(step: Any) -> list[Any]:
    """Return the fitted estimators inside a wrapper that receive the wrapper's columns."""
    if isinstance(step, BaseForest | BaseGradientBoosting | BaseHistGradientBoosting | SelectorMixin):
        return []  # trees, and estimators that only select columns: neither reads text
    for name in _SINGLE_ATTRIBUTES:
        # A wrapper with fitted members also has the unfitted estimator that they were cloned from.
        if hasattr(step, name) and not hasattr(step, "estimators_"):
            return [getattr(step, name)]
    for name in _LIST_ATTRIBUTES:
        if hasattr(step, name):
            members = getattr(step, name)
            members = members.ravel().tolist() if isinstance(members, np.ndarray) else list(members)
            return [
                getattr(inner, "estimator", inner) if name == "calibrated_classifiers_" else inner for inner in members
            ]
    # FrozenEstimator has no fitted state of its own.
    return [step.estimator] if type(step).__name__ == "FrozenEstimator" else []


def _texts_of_catboost(step: Any) -> frozenset[int]:
    """Return the columns that a step of CatBoost treats as categories; an empty set for any other step."""
    if not type(step).__module__.startswith("catboost."):
        return frozenset()
    return frozenset(int(index) for index in step.get_cat_feature_indices())


def _pandas_categories(step: Any) -> dict[int, list[Any]] | None:
    """Return the categories of columns of pandas' category type that LightGBM or XGBoost was fitted on, by index.

    None if the step has such columns, but their indices or categories are unknown.
    """
    if hasattr(step, "booster_"):
        from tabento.export.converters.other_libraries.lightgbm_model import fitted_categories as lightgbm_categories

        return lightgbm_categories(step)
    if hasattr(step, "get_booster"):
        from tabento.export.converters.other_libraries.xgboost_model import fitted_categories as xgboost_categories

        return xgboost_categories(step)
    return {}


def _computed_columns(step: Any) -> Origins:
    """Return one computed column for each output of a fitted transformer; an empty tuple if their number is unknown."""
    try:
        return (None,) * len(step.get_feature_names_out())
    except (AttributeError, TypeError, ValueError):
        return ()


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
