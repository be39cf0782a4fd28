"""Members by preprocessing: each transformer before trees, whose answer changes with a flipped comparison, and before a
linear model, whose answer changes with a shifted value.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectFromModel, SelectKBest, f_regression
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from benchmarks.zoo.data import COMPLETE, COUNT, FIT_ROWS, NUMBERS, PLAIN
from benchmarks.zoo.estimators import FEW_ROWS, SEED
from benchmarks.zoo.member import Factory, Member
from tabento.transformers.cluster_similarity import ClusterSimilarity
from tabento.transformers.ratios import Ratios

POSITIVE = ("distance_km", "weight_kg", "volume_m3", "shock", "booked_at")
"""Columns above zero, which Box-Cox, roots and logarithms need."""
PLACE = ("latitude", "longitude")


def preprocessing() -> list[Member]:
    """Return the members of this file."""
    return [*imputation(), *scaling(), *discretising(), *functions(), *derived_features(), *expansion(), *composition()]


def _boosting() -> Any:
    return HistGradientBoostingRegressor(max_iter=50, random_state=SEED)


def _forest() -> Any:
    return RandomForestRegressor(25, min_samples_leaf=4, random_state=SEED)


def _before_trees_and_sum(
    family: str, label: str, step: Factory, columns: tuple[str, ...] = PLAIN, fit_rows: int = FIT_ROWS
) -> list[Member]:
    """Return a step before trees and before a linear model, which needs columns of similar size."""
    return [
        Member(
            f"{label} → HistGradientBoostingRegressor",
            family,
            "regression",
            lambda: make_pipeline(step(), _boosting()),
            columns,
            fit_rows,
        ),
        Member(
            f"{label} → StandardScaler → Ridge",
            family,
            "regression",
            lambda: make_pipeline(step(), StandardScaler(), Ridge()),
            columns,
            fit_rows,
        ),
    ]


def imputation() -> list[Member]:
    """Return imputers of missing numbers; texts are imputed in ``benchmarks.zoo.encoding``."""
    members = []
    for strategy in ("mean", "median", "most_frequent"):
        members += _before_trees_and_sum(
            "imputation", f"SimpleImputer {strategy}", partial(SimpleImputer, strategy=strategy), NUMBERS
        )
    constant = partial(SimpleImputer, strategy="constant", fill_value=-1.0)
    members += _before_trees_and_sum("imputation", "SimpleImputer constant", constant, NUMBERS)
    indicator = partial(SimpleImputer, strategy="median", add_indicator=True)
    members += _before_trees_and_sum("imputation", "SimpleImputer with indicator", indicator, NUMBERS)
    members += _before_trees_and_sum("imputation", "KNNImputer", partial(KNNImputer, n_neighbors=3), NUMBERS, FEW_ROWS)
    scaled = Member(
        "SimpleImputer → StandardScaler → RandomForestRegressor",
        "imputation",
        "regression",
        lambda: make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), _forest()),
        NUMBERS,
    )
    return [*members, scaled]


def scaling() -> list[Member]:
    """Return scalers, linear and not."""
    quantiles = partial(QuantileTransformer, n_quantiles=200, random_state=SEED)
    members = []
    for label, step, columns in (
        ("MinMaxScaler", MinMaxScaler, PLAIN),
        ("RobustScaler", RobustScaler, PLAIN),
        ("MaxAbsScaler", MaxAbsScaler, PLAIN),
        ("QuantileTransformer uniform", quantiles, PLAIN),
        ("QuantileTransformer normal", partial(quantiles, output_distribution="normal"), PLAIN),
        ("PowerTransformer Yeo-Johnson", PowerTransformer, (*POSITIVE[:4], *PLACE)),
        ("PowerTransformer Box-Cox", partial(PowerTransformer, method="box-cox"), POSITIVE[:4]),
    ):
        members += _before_trees_and_sum("scaling", label, step, columns)
    for label, step in (("MinMaxScaler", MinMaxScaler), ("RobustScaler", RobustScaler)):
        members.append(
            Member(
                f"{label} → RandomForestRegressor",
                "scaling",
                "regression",
                partial(_then_forest, step),
                NUMBERS,
            )
        )
    return members


def _then_forest(step: Factory) -> Any:
    return make_pipeline(step(), _forest())


def discretising() -> list[Member]:
    """Return bins; a value on an edge belongs to one side only."""
    ordinal = partial(KBinsDiscretizer, 8, encode="ordinal", random_state=SEED)
    onehot = partial(KBinsDiscretizer, 8, encode="onehot-dense", random_state=SEED)
    even = partial(KBinsDiscretizer, 12, encode="ordinal", strategy="uniform", random_state=SEED)
    return [
        *_before_trees_and_sum("discretising", "KBinsDiscretizer ordinal", ordinal),
        *_before_trees_and_sum("discretising", "KBinsDiscretizer onehot", onehot),
        *_before_trees_and_sum("discretising", "KBinsDiscretizer uniform", even),
        *_before_trees_and_sum(
            "discretising", "StandardScaler → KBinsDiscretizer", lambda: make_pipeline(StandardScaler(), ordinal())
        ),
    ]


def functions() -> list[Member]:
    """Return functions of one column."""
    return [
        *_before_trees_and_sum("functions", "log1p", partial(FunctionTransformer, np.log1p), POSITIVE),
        *_before_trees_and_sum("functions", "sqrt", partial(FunctionTransformer, np.sqrt), POSITIVE),
        *_before_trees_and_sum(
            "functions",
            "log1p → StandardScaler",
            lambda: make_pipeline(FunctionTransformer(np.log1p), StandardScaler()),
            POSITIVE,
        ),
    ]


def derived_features() -> list[Member]:
    """Return Tabento's own transformers; a denominator of zero gives a missing quotient."""
    columns = (*COMPLETE, COUNT)
    pairs = ((1, 2), (0, 1), (1, 7))
    return [
        *_before_trees_and_sum(
            "derived",
            "Ratios beside the columns",
            lambda: make_pipeline(
                FeatureUnion([("ratios", Ratios(pairs)), ("columns", "passthrough")]), SimpleImputer()
            ),
            columns,
        ),
        Member(
            "Ratios → HistGradientBoostingRegressor",
            "derived",
            "regression",
            lambda: make_pipeline(Ratios(pairs), _boosting()),
            columns,
        ),
        *_before_trees_and_sum("derived", "ClusterSimilarity", partial(ClusterSimilarity, 12, 0.02, SEED), PLACE),
    ]


def expansion() -> list[Member]:
    """Return steps that compute more or fewer columns from products and sums."""
    crossed = partial(PolynomialFeatures, 2, interaction_only=True, include_bias=False)
    return [
        *_before_trees_and_sum("expansion", "PolynomialFeatures", crossed, (*POSITIVE[:4], *PLACE)),
        *_before_trees_and_sum("expansion", "StandardScaler → PolynomialFeatures", _squares),
        *_before_trees_and_sum("expansion", "StandardScaler → PCA", lambda: make_pipeline(StandardScaler(), PCA(5))),
        *_before_trees_and_sum(
            "expansion", "StandardScaler → PCA whiten", lambda: make_pipeline(StandardScaler(), PCA(4, whiten=True))
        ),
    ]


def _squares() -> Any:
    return make_pipeline(StandardScaler(), PolynomialFeatures(2))


def composition() -> list[Member]:
    """Return parallel steps and selected columns."""
    return [
        *_before_trees_and_sum("composition", "ColumnTransformer remainder", _remainder, NUMBERS),
        *_before_trees_and_sum("composition", "ColumnTransformer dropping", _dropping, NUMBERS),
        *_before_trees_and_sum("composition", "FeatureUnion", _union),
        *_before_trees_and_sum("composition", "SelectKBest", partial(SelectKBest, f_regression, k=5)),
        *_before_trees_and_sum("composition", "StandardScaler → SelectKBest", _best_of_scaled),
        *_before_trees_and_sum("composition", "SelectFromModel", lambda: SelectFromModel(_forest(), threshold="mean")),
    ]


def _remainder() -> Any:
    groups = [
        ("holed", SimpleImputer(strategy="median"), ["declared_value", "temperature_c"]),
        ("skewed", FunctionTransformer(np.log1p), ["weight_kg", "distance_km"]),
        ("place", "passthrough", ["longitude", "latitude"]),
    ]
    return ColumnTransformer(groups, remainder="passthrough", transformer_weights={"skewed": 3.0})


def _dropping() -> Any:
    groups = [
        ("holed", make_pipeline(SimpleImputer(add_indicator=True), RobustScaler()), ["declared_value"]),
        ("place", StandardScaler(), ["longitude", "latitude"]),
        ("skewed", MinMaxScaler(), ["weight_kg", "volume_m3"]),
    ]
    return ColumnTransformer(groups, remainder="drop")


def _union() -> Any:
    return FeatureUnion(
        [
            ("scaled", StandardScaler()),
            ("main", make_pipeline(StandardScaler(), PCA(3))),
            ("bins", KBinsDiscretizer(4, encode="ordinal", random_state=SEED)),
        ],
        transformer_weights={"bins": 0.5},
    )


def _best_of_scaled() -> Any:
    return make_pipeline(StandardScaler(), SelectKBest(f_regression, k=4))
