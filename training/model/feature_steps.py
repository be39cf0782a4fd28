"""The steps of the preprocessing: imputation, derived features and encoding, as groups of a column transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from tabento.bundle.contract import Feature
from tabento.transformers.cluster_similarity import ClusterSimilarity
from tabento.transformers.date_parts import DateParts
from tabento.transformers.ratios import Ratios
from training.config import ConfigError, Decisions, ModelConfig, load_class, module_folder
from training.model.estimator_kinds import takes_missing
from training.model.imputers import build_imputer, looks_across

Group = tuple[str, Any, list[Any] | str]
"""A group of a column transformer: its name, its step, its columns (for a text its single column's name)."""


def used_features(config: ModelConfig, decisions: Decisions) -> list[Feature]:
    """Return the features that the model uses, in the contract's order.

    Raises:
        ConfigError: a column is not a feature, or there are no columns.
    """
    names = [feature.name for feature in config.features]
    unknown = [name for name in decisions.columns if name not in names]
    if unknown:
        raise ConfigError(f"columns: {unknown[0]!r} is not a feature; there are {names}")
    if not decisions.columns:
        raise ConfigError(f"columns: expected at least one feature for the model, got none of {names}")
    return [feature for feature in config.features if feature.name in decisions.columns]


def feature_groups(config: ModelConfig, decisions: Decisions) -> list[Group]:
    """Return the groups of the column transformer; a group without columns is omitted."""
    features = used_features(config, decisions)
    numeric = [feature.name for feature in features if feature.type in ("number", "integer")]
    booleans = [feature.name for feature in features if feature.type == "boolean"]
    categories = [feature for feature in features if feature.type == "category"]
    derived = _derived_groups(config, decisions, numeric)
    groups: list[Group] = []
    if numeric and looks_across(decisions.impute):
        imputer = build_imputer(decisions.impute, config.seed)
        positions = [(name, step, [numeric.index(column) for column in columns]) for name, step, columns in derived]
        derivation = ColumnTransformer([("numbers", "passthrough", list(range(len(numeric)))), *positions])
        groups.append(("numbers", Pipeline([("impute", imputer), ("derive", derivation)]), numeric))
    elif numeric:
        groups.append(("numbers", build_imputer(decisions.impute, config.seed), numeric))
    if booleans:
        groups.append(("booleans", SimpleImputer(strategy="most_frequent"), booleans))
    if not looks_across(decisions.impute):
        for name, step, columns in derived:
            imputer = build_imputer(decisions.impute, config.seed)
            groups.append((name, Pipeline([("impute", imputer), ("derive", step)]), columns))
    groups += _date_groups(config, decisions, features)
    groups += _text_groups(config, features)
    if categories:
        encoder = OneHotEncoder(
            categories=[_known_values(feature) for feature in categories],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float64,
        )
        groups.append(("categories", encoder, [feature.name for feature in categories]))
    return groups


def _derived_groups(config: ModelConfig, decisions: Decisions, numeric: Sequence[str]) -> list[Group]:
    """Return the groups of derived features of which all columns are used. They are computed after imputation."""
    groups: list[Group] = []
    ratios = [ratio for ratio in config.derived.ratios if {ratio.numerator, ratio.denominator} <= {*numeric}]
    if ratios:
        columns = list(dict.fromkeys(name for ratio in ratios for name in (ratio.numerator, ratio.denominator)))
        pairs = [(columns.index(ratio.numerator), columns.index(ratio.denominator)) for ratio in ratios]
        step: Any = Ratios(pairs, [ratio.name for ratio in ratios])
        can_divide_by_zero = any(_may_be_zero(config, ratio.denominator) for ratio in ratios)
        if can_divide_by_zero and not takes_missing(decisions.estimator):
            step = Pipeline([("divide", step), ("impute", SimpleImputer(strategy="median"))])
        groups.append(("ratios", step, columns))
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters and {*clusters.columns} <= {*numeric}:
        similarity = ClusterSimilarity(
            decisions.n_clusters, clusters.gamma, random_state=config.seed, label=clusters.label
        )
        groups.append(("clusters", similarity, list(clusters.columns)))
    folder = module_folder(config)
    for index, custom in enumerate(config.derived.custom):
        if {*custom.columns} <= {*numeric}:
            custom_step = load_class(custom.transformer, folder)(**custom.params)
            groups.append((f"custom_{index}", custom_step, list(custom.columns)))
    return groups


def _date_groups(config: ModelConfig, decisions: Decisions, used: Sequence[Feature]) -> list[Group]:
    """Return the group of the parts of timestamps; no model receives the timestamps themselves."""
    parts = {dates.column: dates.parts for dates in config.derived.dates}
    timestamps = [feature for feature in used if feature.name in parts]
    if not timestamps:
        return []
    step: Any = DateParts([parts[feature.name] for feature in timestamps])
    if any(feature.nullable for feature in timestamps):
        impute = "median" if looks_across(decisions.impute) else decisions.impute
        step = Pipeline([("parts", step), ("impute", build_imputer(impute, config.seed))])
    return [("dates", step, [feature.name for feature in timestamps])]


def _text_groups(config: ModelConfig, used: Sequence[Feature]) -> list[Group]:
    """Return one group for each text: its weighted words. A vectorizer takes one column, given as a name and not a list."""
    groups: list[Group] = []
    for index, terms in enumerate(config.derived.texts):
        if any(feature.name == terms.column for feature in used):
            arguments = terms.model_dump(exclude={"column"})
            if isinstance(terms.stop_words, tuple):
                arguments["stop_words"] = list(terms.stop_words)
            groups.append((f"text_{index}", TfidfVectorizer(**arguments), terms.column))
    return groups


def _may_be_zero(config: ModelConfig, name: str) -> bool:
    feature = next(feature for feature in config.features if feature.name == name)
    return feature.lower <= 0 <= feature.upper


def _known_values(feature: Feature) -> NDArray[np.object_]:
    values = [*(feature.categories or ()), *([None] if feature.nullable else [])]
    return np.array(values, dtype=object)
