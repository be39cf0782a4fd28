"""Members with texts: encoders and string imputation, alone and in whole tables of numbers and texts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from benchmarks.zoo.data import ALL, COUNT, FLAG, HOLED, NUMBERS, PLAIN, TEXTS, Task
from benchmarks.zoo.estimators import SEED
from benchmarks.zoo.member import Factory, Member

MIXED = (*PLAIN, *TEXTS)
"""Complete numbers and all texts."""
FULL_TEXTS = ("carrier", "zone")
"""Texts that are never missing."""
UNLISTED = "(none)"
"""A fill value that is in no row and not in the contract."""


def encoding() -> list[Member]:
    """Return the members of this file."""
    return [*encoders(), *string_imputation(), *native_categories(), *whole_tables()]


def encoders() -> list[Member]:
    """Return each encoder on all texts with scaled numbers, before trees and before a linear model."""
    ordinal = partial(OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1)
    return [
        *_beside_numbers("OneHotEncoder", OneHotEncoder),
        *_beside_numbers("OneHotEncoder ignore", partial(OneHotEncoder, handle_unknown="ignore"), unknown=True),
        *_beside_numbers("OneHotEncoder drop first", partial(OneHotEncoder, drop="first")),
        *_beside_numbers(
            "OneHotEncoder min_frequency",
            partial(OneHotEncoder, min_frequency=0.05, handle_unknown="infrequent_if_exist"),
            unknown=True,
        ),
        *_beside_numbers("OrdinalEncoder", partial(OrdinalEncoder, encoded_missing_value=-2)),
        *_beside_numbers("OrdinalEncoder unknown", partial(ordinal, encoded_missing_value=-2), unknown=True),
        Member(
            "OrdinalEncoder unknown, missing as NaN → HistGradientBoostingRegressor",
            "encoding",
            "regression",
            lambda: _table(ordinal(), HistGradientBoostingRegressor(max_iter=50, random_state=SEED)),
            MIXED,
            unknown=True,
        ),
        *_beside_numbers("TargetEncoder", partial(TargetEncoder, random_state=SEED), unknown=True),
        _classes("TargetEncoder", partial(TargetEncoder, random_state=SEED), "binary"),
        _classes("TargetEncoder", partial(TargetEncoder, random_state=SEED), "classes"),
        _classes("OneHotEncoder ignore", partial(OneHotEncoder, handle_unknown="ignore"), "binary"),
        _classes("OneHotEncoder ignore", partial(OneHotEncoder, handle_unknown="ignore"), "classes"),
    ]


def _table(encoder: Any, estimator: Any) -> Any:
    groups = [("numbers", StandardScaler(), list(PLAIN)), ("texts", encoder, list(TEXTS))]
    return make_pipeline(ColumnTransformer(groups, sparse_threshold=0.0), estimator)


def _beside_numbers(label: str, encoder: Factory, *, unknown: bool = False) -> list[Member]:
    return [
        Member(
            f"{label} → {name}",
            "encoding",
            "regression",
            partial(_table_of, encoder, estimator),
            MIXED,
            unknown=unknown,
        )
        for name, estimator in (
            ("RandomForestRegressor", partial(RandomForestRegressor, 25, min_samples_leaf=4, random_state=SEED)),
            ("Ridge", Ridge),
        )
    ]


def _table_of(encoder: Factory, estimator: Factory) -> Any:
    return _table(encoder(), estimator())


def _classes(label: str, encoder: Factory, task: Task) -> Member:
    return Member(
        f"{label} → LogisticRegression",
        "encoding",
        task,
        lambda: _table(encoder(), LogisticRegression(max_iter=300)),
        MIXED,
        unknown=True,
    )


def string_imputation() -> list[Member]:
    """Return imputers of missing texts: with the most frequent text, or with a text that is in no row."""
    common = partial(SimpleImputer, missing_values=None, strategy="most_frequent")
    constant = partial(SimpleImputer, missing_values=None, strategy="constant", fill_value=UNLISTED)
    return [
        Member(
            f"SimpleImputer {label} on texts → OneHotEncoder → {name}",
            "encoding",
            "regression",
            partial(_imputed, imputer, estimator),
            MIXED,
            # A row with the fill value itself would be unknown to the contract, but not to the pipeline.
            unknown=label != "constant",
        )
        for label, imputer in (("most_frequent", common), ("constant", constant))
        for name, estimator in (
            ("HistGradientBoostingRegressor", partial(HistGradientBoostingRegressor, max_iter=50, random_state=SEED)),
            ("Ridge", Ridge),
        )
    ]


def _imputed(imputer: Factory, estimator: Factory) -> Any:
    return _table(make_pipeline(imputer(), OneHotEncoder(handle_unknown="ignore", sparse_output=False)), estimator())


def native_categories() -> list[Member]:
    """Return gradient boosting that splits categories by sets, encoded by a previous step or by itself."""
    shape: dict[str, Any] = {"max_iter": 50, "random_state": SEED}
    itself = {"categorical_features": list(TEXTS), **shape}
    members = []
    kinds: tuple[tuple[Task, Any], ...] = (
        ("regression", HistGradientBoostingRegressor),
        ("binary", HistGradientBoostingClassifier),
        ("classes", HistGradientBoostingClassifier),
    )
    for task, kind in kinds:
        name = kind.__name__
        members += [
            Member(
                f"{name} with categorical_features",
                "encoding",
                task,
                partial(_boosted_with_own_categories, partial(kind, **itself)),
                ALL,
                unknown=True,
            ),
            Member(
                f"OrdinalEncoder → {name} with categorical_features",
                "encoding",
                task,
                partial(_boosted_after_encoder, partial(kind, categorical_features=[0, 1, 2], **shape)),
                ALL,
                unknown=True,
            ),
        ]
    return members


def _boosted_with_own_categories(estimator: Factory) -> Any:
    return Pipeline([("model", estimator())])


def _boosted_after_encoder(estimator: Factory) -> Any:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_pipeline(ColumnTransformer([("texts", encoder, list(TEXTS))], remainder="passthrough"), estimator())


def whole_tables() -> list[Member]:
    """Return pipelines on all fourteen columns, prepared as a user would prepare them."""
    return [
        Member("whole table → HistGradientBoostingRegressor", "tables", "regression", _boosting, ALL, unknown=True),
        Member("whole table → RandomForestRegressor", "tables", "regression", _forest, ALL, unknown=True),
        Member("whole table → Ridge", "tables", "regression", lambda: _whole_table(Ridge()), ALL, unknown=True),
        Member("whole table → RandomForestClassifier", "tables", "binary", _forest_classes, ALL, unknown=True),
        Member("whole table → RandomForestClassifier", "tables", "classes", _forest_classes, ALL, unknown=True),
        Member("whole table → LogisticRegression", "tables", "binary", _logistic, ALL, unknown=True),
        Member("whole table → LogisticRegression", "tables", "classes", _logistic, ALL, unknown=True),
    ]


def _whole_table(estimator: Any) -> Any:
    skewed = ["weight_kg", "volume_m3", "distance_km"]
    scaled_columns = [name for name in NUMBERS if name not in (*HOLED, *skewed, COUNT, FLAG)]
    groups = [
        ("holed", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), list(HOLED)),
        ("skewed", StandardScaler(), skewed),
        ("others", StandardScaler(), scaled_columns),
        ("counts", "passthrough", [COUNT, FLAG]),
        ("often", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["goods"]),
        (
            "rare",
            OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist", sparse_output=False),
            list(FULL_TEXTS),
        ),
    ]
    return make_pipeline(ColumnTransformer(groups), estimator)


def _boosting() -> Any:
    return _whole_table(HistGradientBoostingRegressor(max_iter=60, random_state=SEED))


def _forest() -> Any:
    return _whole_table(RandomForestRegressor(40, min_samples_leaf=4, random_state=SEED))


def _forest_classes() -> Any:
    return _whole_table(RandomForestClassifier(40, min_samples_leaf=4, random_state=SEED))


def _logistic() -> Any:
    return _whole_table(LogisticRegression(max_iter=300))
