"""What a fitted pipeline knows of its input columns: which it reads, which values its encoders know, what it imputes.

The fitted steps are walked as data walks through them, with each column's origin carried along. Nothing is run. Where a
step is met of which nothing is known, that is noted; the answers to the sample decide then.
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

from training.transformers.text_column import TextColumn

VECTORIZERS = (CountVectorizer, HashingVectorizer)
"""What splits texts into words; ``TfidfVectorizer`` is a ``CountVectorizer``."""
Origins = tuple[int | None, ...]
"""For each column that a step sees: the input column that it is, or None where it was computed."""

_KNOWN_PACKAGES = ("sklearn.", "training.", "xgboost.", "lightgbm.", "catboost.", "imblearn.")
"""Steps of these packages that no branch below knows read numbers."""
_ONE_INSIDE = ("best_estimator_", "regressor_", "estimator_")
"""Where wrappers keep the fitted estimator that sees what they see."""
_MANY_INSIDE = ("estimators_", "calibrated_classifiers_")
_WANTS_UNKNOWN = ("ignore", "infrequent_if_exist", "warn", "use_encoded_value")


@dataclass
class ColumnFacts:
    """What the steps know of one input column."""

    name: str
    read: bool = False
    """Whether any step reads it; a column transformer may drop it."""
    number: bool = False
    """Whether a step reads it as a number."""
    opaque: bool = False
    """Whether a step reads it of which nothing is known."""
    imputed: bool = False
    """Whether a step puts something in for a missing value, or has a place for it."""
    missing_as: Literal["nan", "none"] | None = None
    """How missing text must look for the step that handles it; None where no step does."""
    encoded: bool = False
    """Whether an encoder reads it."""
    categorical: bool = False
    """Whether a step takes it for a category, whatever its values look like."""
    pandas_categories: tuple[Any, ...] | None = None
    """The categories of a column of pandas' category type, in their order; None for any other column."""
    refuses_unknown: bool = False
    """Whether an encoder raises an error on a value that it does not know."""
    dates: bool = False
    """Whether an encoder knows it as dates of NumPy."""
    split: bool = False
    """Whether a text vectorizer splits it into words."""
    values: list[Any] = field(default_factory=list)
    """The values that encoders know, in their order, without missing."""

    @property
    def text(self) -> bool:
        """Whether an encoder knows it as text, or a vectorizer splits it."""
        return self.split or any(isinstance(value, str) for value in self.values)


def column_facts(pipeline: Any, names: Iterable[str]) -> dict[str, ColumnFacts]:
    """Walk a fitted pipeline and return what it knows of each input column, by name.

    Args:
        pipeline: fitted.
        names: its input columns, in order: ``feature_names_in_``.
    """
    facts = [ColumnFacts(str(name)) for name in names]
    _Walk(facts).through(pipeline, tuple(range(len(facts))))
    return {fact.name: fact for fact in facts}


def drops_by_name(pipeline: Any) -> bool:
    """Whether a pipeline chooses its columns by name, so that those that it does not read may be left out."""
    if isinstance(pipeline, ColumnTransformer):
        return True
    if isinstance(pipeline, Pipeline):
        return drops_by_name(pipeline.steps[0][1])
    inside = _inside(pipeline)
    return len(inside) == 1 and drops_by_name(inside[0])


def takes_one_text(pipeline: Any) -> bool:
    """Whether a fitted pipeline takes texts alone, a series or a list of them, rather than a table with columns."""
    if isinstance(pipeline, Pipeline):
        return takes_one_text(pipeline.steps[0][1])
    if isinstance(pipeline, FeatureUnion):
        return all(takes_one_text(inner) for _, inner in pipeline.transformer_list)
    inside = _inside(pipeline) if not isinstance(pipeline, ColumnTransformer) else []
    return isinstance(pipeline, VECTORIZERS) or (bool(inside) and all(takes_one_text(inner) for inner in inside))


class _Walk:
    def __init__(self, facts: list[ColumnFacts]) -> None:
        self._facts = facts

    def through(self, step: Any, origins: Origins) -> Origins:
        """Note what a fitted step does with its columns and return where its output's columns come from.

        An empty tuple stands for an output of which nothing is known.
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
            for fact in self._of(origins):
                fact.split = True
            return _computed(step)
        return self._other(step, origins)

    def _of(self, origins: Origins) -> list[ColumnFacts]:
        facts = [self._facts[origin] for origin in origins if origin is not None]
        for fact in facts:
            fact.read = True
        return facts

    def _column_transformer(self, step: ColumnTransformer, origins: Origins) -> Origins:
        output: list[int | None] = []
        known = True
        for name, inner, _ in step.transformers_:
            chosen = tuple(origins[at] for at in step._transformer_to_input_indices[name])
            if (isinstance(inner, str) and inner == "drop") or not chosen:
                continue
            self._of(chosen)
            part = self.through(inner, chosen)
            known = known and bool(part)
            output += part
        return tuple(output) if known else ()

    def _encoder(self, step: Any, origins: Origins) -> Origins:
        unknown = getattr(step, "handle_unknown", "ignore")
        for origin, known in zip(origins, step.categories_, strict=True):
            if origin is None:
                continue
            (fact,) = self._of((origin,))
            fact.encoded = True
            fact.dates |= known.dtype.kind in "mM"
            fact.refuses_unknown |= unknown not in _WANTS_UNKNOWN and not isinstance(step, TargetEncoder)
            for value in known.tolist():
                if value is None or (isinstance(value, float) and math.isnan(value)):
                    fact.imputed = True
                    fact.missing_as = "none" if value is None else "nan"
                elif value not in fact.values:
                    fact.values.append(value)
        return _computed(step)

    def _simple_imputer(self, step: SimpleImputer, origins: Origins) -> Origins:
        for fact in self._of(origins):
            if step.missing_values is None or _is_nan(step.missing_values):
                fact.imputed = True
                fact.missing_as = fact.missing_as or ("none" if step.missing_values is None else "nan")
            elif isinstance(step.missing_values, str) and step.missing_values not in fact.values:
                # A text that stands for missing, such as '?', is a value that requests may hold.
                fact.values.append(step.missing_values)
            fact.number |= step.strategy in ("mean", "median")
        empty = np.array([_is_nan(statistic) for statistic in step.statistics_], dtype=bool)
        if step.add_indicator or (empty.any() and not step.keep_empty_features):
            return _computed(step)
        return origins

    def _other(self, step: Any, origins: Origins) -> Origins:
        inside = _inside(step)
        if inside:
            # Members of a bag see columns of their own choice.
            chosen = getattr(step, "estimators_features_", None)
            if chosen is not None:
                for inner, places in zip(inside, chosen, strict=True):
                    self.through(inner, tuple(origins[int(at)] for at in places))
                return ()
            for inner in inside:
                self.through(inner, origins)
            return ()
        if isinstance(step, FunctionTransformer) and step.func is np.ravel and len(origins) == 1:
            return origins
        if isinstance(step, FunctionTransformer):
            for fact in self._of(origins if step.func is not None else ()):
                fact.opaque = True
            return origins if step.func is None else _computed(step)
        if isinstance(step, BaseHistGradientBoosting) and step._preprocessor is not None:
            # Its own column transformer: an encoder for its categories, a check of the rest.
            self._encoder(
                step._preprocessor.named_transformers_["encoder"],
                tuple(origins[at] for at in np.flatnonzero(step.is_categorical_)),
            )
            origins = tuple(origins[at] for at in np.flatnonzero(~step.is_categorical_))
        categories = _pandas_categories(step)
        for at, values in (categories or {}).items():
            for fact in self._of(origins[at : at + 1]):
                fact.pandas_categories = tuple(values)
                fact.categorical = fact.refuses_unknown = True
        if categories:
            origins = tuple(origin for at, origin in enumerate(origins) if at not in categories)
        known = f"{type(step).__module__}.".startswith(_KNOWN_PACKAGES) and categories is not None
        texts = _texts_of_catboost(step)
        for at, origin in enumerate(origins):
            if at in texts and origin is not None:
                (fact,) = self._of((origin,))
                fact.categorical = fact.encoded = True
        for fact in self._of(tuple(origin for at, origin in enumerate(origins) if at not in texts)):
            fact.number |= known
            fact.opaque |= not known
            fact.imputed |= isinstance(step, _BaseImputer | MissingIndicator)
        if isinstance(step, SelectorMixin) and hasattr(step, "n_features_in_"):
            return tuple(origin for origin, kept in zip(origins, step.get_support(), strict=True) if kept)
        return _computed(step)


def _inside(step: Any) -> list[Any]:
    """Return the fitted estimators inside a wrapper that see the columns that the wrapper sees."""
    if isinstance(step, BaseForest | BaseGradientBoosting | BaseHistGradientBoosting | SelectorMixin):
        return []  # trees, and estimators that only choose columns: neither reads text
    for name in _ONE_INSIDE:
        # Beside fitted members stands the template that they were made from, which is not fitted.
        if hasattr(step, name) and not hasattr(step, "estimators_"):
            return [getattr(step, name)]
    for name in _MANY_INSIDE:
        if hasattr(step, name):
            found = getattr(step, name)
            found = found.ravel().tolist() if isinstance(found, np.ndarray) else list(found)
            return [
                getattr(inner, "estimator", inner) if name == "calibrated_classifiers_" else inner for inner in found
            ]
    # FrozenEstimator fits nothing of its own.
    return [step.estimator] if type(step).__name__ == "FrozenEstimator" else []


def _texts_of_catboost(step: Any) -> frozenset[int]:
    """Return the columns that a step of CatBoost takes for categories; none of any other step."""
    if not type(step).__module__.startswith("catboost."):
        return frozenset()
    return frozenset(int(at) for at in step.get_cat_feature_indices())


def _pandas_categories(step: Any) -> dict[int, list[Any]] | None:
    """Return the categories of columns of pandas' category type that LightGBM or XGBoost was fitted on, by place.

    None where such columns are known to be there, but not which they are or what they hold.
    """
    if hasattr(step, "booster_"):
        from training.export.lightgbm_trees import fitted_categories as of_lightgbm

        return of_lightgbm(step)
    if hasattr(step, "get_booster"):
        from training.export.xgboost_trees import fitted_categories as of_xgboost

        return of_xgboost(step)
    return {}


def _computed(step: Any) -> Origins:
    """Return as many computed columns as a fitted transformer gives, none where it does not tell."""
    try:
        return (None,) * len(step.get_feature_names_out())
    except (AttributeError, TypeError, ValueError):
        return ()


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
