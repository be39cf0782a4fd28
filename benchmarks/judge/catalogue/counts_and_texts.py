"""Rentals by the hour, with dates and cyclic columns; and reviews, with a column of text."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, RidgeCV, SGDClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from benchmarks.judge.catalogue.own_steps import (
    date_columns,
    first_column,
    hour_on_a_circle,
    scaled_sine,
    to_records,
)
from benchmarks.judge.catalogue.recipes import entry, ordinal_texts
from benchmarks.judge.entry import Entry

FOREST = {"n_estimators": 40, "max_depth": 8, "random_state": 1}
NUMBERS = ["temp", "hum", "windspeed"]
CALENDAR = ["season", "mnth", "hr", "weekday", "workingday"]
SPELLED = ["weather"]


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(datetime=pd.to_datetime(frame["datetime"], utc=True))


PLAIN = [*NUMBERS, *CALENDAR]


def _one_hot(model: object) -> object:
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), [*CALENDAR, *SPELLED]), (MinMaxScaler(), NUMBERS)
        ),
        model,
    )


def rentals() -> list[Entry]:
    """Return the entries of bike sharing."""
    return [
        *_calendar_columns(),
        *_cyclic_hours(),
        *_derived_rental_columns(),
        *_rental_targets_and_boosters(),
    ]


def _calendar_columns() -> list[Entry]:
    """Return entries with the calendar as one-hot columns, integers or categories."""
    return [
        entry("bike", "one-hot calendar → RidgeCV", lambda: _one_hot(RidgeCV()), columns=[*PLAIN, *SPELLED]),
        entry(
            "bike",
            "one-hot calendar → PoissonRegressor",
            lambda: _one_hot(PoissonRegressor(max_iter=300)),
            columns=[*PLAIN, *SPELLED],
        ),
        entry("bike", "integers → RandomForest", lambda: RandomForestRegressor(**FOREST), columns=PLAIN),
        entry(
            "bike",
            "log target → GradientBoosting",
            lambda: TransformedTargetRegressor(
                GradientBoostingRegressor(n_estimators=60), func=np.log1p, inverse_func=np.expm1
            ),
            columns=PLAIN,
        ),
        entry(
            "bike",
            "HistGradientBoosting, poisson",
            lambda: make_pipeline(
                ColumnTransformer([("cat", OrdinalEncoder(), SPELLED)], remainder="passthrough"),
                HistGradientBoostingRegressor(loss="poisson", max_iter=60),
            ),
            columns=[*PLAIN, *SPELLED],
        ),
        entry(
            "bike",
            "HistGradientBoosting with a category by mask",
            lambda: HistGradientBoostingRegressor(max_iter=40, categorical_features=[3, 4]),
            columns=PLAIN,
        ),
    ]


def _cyclic_hours() -> list[Entry]:
    """Return entries whose hours are on a circle."""
    return [
        entry(
            "bike",
            "own function: hour on a circle → Ridge",
            lambda: make_pipeline(
                ColumnTransformer([("hour", FunctionTransformer(hour_on_a_circle), ["hr"])], remainder="passthrough"),
                Ridge(),
            ),
            columns=PLAIN,
        ),
        entry(
            "bike",
            "scikit-learn's cyclic example, sine with kw_args → Ridge",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("hour", FunctionTransformer(scaled_sine, kw_args={"period": 24}), ["hr"])],
                    remainder=MinMaxScaler(),
                ),
                Ridge(),
            ),
            columns=PLAIN,
        ),
        entry(
            "bike",
            "np.sin of the hour → DecisionTree",
            lambda: make_pipeline(
                ColumnTransformer([("hour", FunctionTransformer(np.sin), ["hr"])], remainder="passthrough"),
                DecisionTreeRegressor(max_depth=6),
            ),
            columns=PLAIN,
        ),
        entry(
            "bike",
            "periodic splines → Ridge",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "hour",
                            SplineTransformer(n_knots=13, degree=3, extrapolation="periodic", include_bias=False),
                            ["hr"],
                        )
                    ],
                    remainder="passthrough",
                ),
                Ridge(),
            ),
            columns=PLAIN,
        ),
    ]


def _derived_rental_columns() -> list[Entry]:
    """Return entries with kernels, interactions, neighbours, bins and dates."""
    return [
        entry(
            "bike",
            "one-hot, Nystroem(poly) → RidgeCV",
            lambda: _one_hot(
                make_pipeline(Nystroem(kernel="poly", degree=2, n_components=40, random_state=0), RidgeCV())
            ),
            columns=[*PLAIN, *SPELLED],
        ),
        entry(
            "bike",
            "interactions of integers → Ridge",
            lambda: make_pipeline(
                PolynomialFeatures(2, interaction_only=True, include_bias=False), StandardScaler(), Ridge()
            ),
            columns=PLAIN,
        ),
        entry("bike", "KNeighbors(5) on hours and weekdays", lambda: KNeighborsRegressor(5), columns=["hr", "weekday"]),
        entry(
            "bike",
            "KNeighbors(5) on weather with two decimals",
            lambda: make_pipeline(MinMaxScaler(), KNeighborsRegressor(5)),
            columns=NUMBERS,
        ),
        entry(
            "bike",
            "bins of the weather → ExtraTrees",
            lambda: make_pipeline(
                KBinsDiscretizer(6, encode="ordinal", strategy="uniform"), ExtraTreesRegressor(30, random_state=0)
            ),
            columns=NUMBERS,
        ),
        entry(
            "bike",
            "dates by an own function → RandomForest",
            lambda: make_pipeline(
                ColumnTransformer([("date", FunctionTransformer(date_columns), ["datetime"])], remainder="passthrough"),
                RandomForestRegressor(**FOREST),
            ),
            columns=["datetime", *NUMBERS],
        ),
        entry(
            "bike",
            "columns of dates by an own function → GradientBoosting",
            lambda: make_pipeline(
                ColumnTransformer([("date", FunctionTransformer(date_columns), ["datetime"])], remainder="passthrough"),
                GradientBoostingRegressor(n_estimators=30),
            ),
            columns=["datetime", *NUMBERS],
            prepare=_with_dates,
        ),
    ]


def _rental_targets_and_boosters() -> list[Entry]:
    """Return entries with two targets, boosters and feature_engine."""
    return [
        entry(
            "bike",
            "count and humidity at once, MultiOutputRegressor",
            lambda: MultiOutputRegressor(GradientBoostingRegressor(n_estimators=15)),
            target=["cnt", "hum"],
            columns=["hr", "temp", "season"],
        ),
        entry(
            "bike",
            "count and humidity in a chain",
            lambda: RegressorChain(Ridge()),
            target=["cnt", "hum"],
            columns=["hr", "temp", "season"],
        ),
        entry("bike", "LightGBM, poisson", lambda: _lightgbm(objective="poisson"), columns=PLAIN, needs=("lightgbm",)),
        entry(
            "bike",
            "XGBoost, count:poisson",
            lambda: _xgboost(objective="count:poisson"),
            columns=PLAIN,
            needs=("xgboost",),
        ),
        entry("bike", "CatBoost", lambda: _catboost(), columns=PLAIN, needs=("catboost",)),
        entry(
            "bike",
            "feature_engine's cyclic columns → Ridge",
            lambda: make_pipeline(_cyclic(), StandardScaler(), Ridge()),
            columns=PLAIN,
            needs=("feature_engine",),
        ),
    ]


def _text_only(*steps: object) -> object:
    return make_pipeline(FunctionTransformer(first_column), *steps)


def _text_and_length(vectorizer: object, model: object) -> object:
    return make_pipeline(
        ColumnTransformer([("text", vectorizer, "text"), ("num", StandardScaler(), ["length"])]), model
    )


def texts() -> list[Entry]:
    """Return the entries of reviews."""
    return [
        *_single_vectorizers(),
        *_joined_vectorizers_and_two_labels(),
    ]


def _single_vectorizers() -> list[Entry]:
    """Return entries with one vectorizer."""
    return [
        entry(
            "reviews",
            "TF-IDF in a ColumnTransformer → LogisticRegression",
            lambda: _text_and_length(TfidfVectorizer(), LogisticRegression()),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "TF-IDF of pairs of words, stop words → LogisticRegression",
            lambda: _text_and_length(
                TfidfVectorizer(ngram_range=(1, 2), stop_words="english", min_df=3), LogisticRegression()
            ),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "TF-IDF, sublinear, of characters → LinearSVC",
            lambda: _text_and_length(
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True, max_features=300),
                LinearSVC(),
            ),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "counts → RandomForest",
            lambda: _text_and_length(CountVectorizer(max_features=100), RandomForestClassifier(**FOREST)),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "counts, binary, and categories → SGD",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        ("text", CountVectorizer(binary=True), "text"),
                        ("cat", OneHotEncoder(handle_unknown="ignore"), ["category"]),
                    ]
                ),
                SGDClassifier(random_state=0),
            ),
            columns=["text", "category"],
        ),
        entry(
            "reviews",
            "hashing → LogisticRegression",
            lambda: _text_and_length(HashingVectorizer(n_features=64), LogisticRegression()),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "counts → TF-IDF → LogisticRegression",
            lambda: _text_and_length(make_pipeline(CountVectorizer(), TfidfTransformer()), LogisticRegression()),
            columns=["text", "length"],
        ),
        entry(
            "reviews",
            "text column by own function, counts, TF-IDF → MultinomialNB",
            lambda: _text_only(CountVectorizer(), TfidfTransformer(), MultinomialNB()),
            columns=["text"],
        ),
        entry(
            "reviews",
            "text column by own function, chi2 → ComplementNB",
            lambda: _text_only(TfidfVectorizer(), SelectKBest(chi2, k=30), ComplementNB()),
            columns=["text"],
        ),
    ]


def _joined_vectorizers_and_two_labels() -> list[Entry]:
    """Return entries with several vectorizers, a projection, a DictVectorizer or two labels."""
    return [
        entry(
            "reviews",
            "two vectorizers in a FeatureUnion → Ridge on stars",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "text",
                            FeatureUnion(
                                [("w", TfidfVectorizer()), ("c", CountVectorizer(analyzer="char", ngram_range=(1, 2)))]
                            ),
                            "text",
                        )
                    ]
                ),
                Ridge(),
            ),
            columns=["text"],
            target="stars",
        ),
        entry(
            "reviews",
            "TF-IDF → TruncatedSVD → RandomForest",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("text", make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0)), "text")]
                ),
                RandomForestClassifier(**FOREST),
            ),
            columns=["text"],
        ),
        entry(
            "reviews",
            "DictVectorizer → LogisticRegression",
            lambda: make_pipeline(FunctionTransformer(to_records), DictVectorizer(), LogisticRegression(max_iter=500)),
            columns=["category", "length"],
        ),
        entry(
            "reviews",
            "two labels, MultiOutputClassifier",
            lambda: make_pipeline(_with_integer_texts(), MultiOutputClassifier(LogisticRegression())),
            target=["liked", "stars"],
            columns=["category", "length"],
        ),
        entry(
            "reviews",
            "two labels in a chain",
            lambda: make_pipeline(_with_integer_texts(), ClassifierChain(LogisticRegression())),
            target=["liked"],
            columns=["category", "length"],
            labels=lambda truth: np.column_stack([truth["liked"], 1 - truth["liked"]]),
        ),
    ]


def _with_integer_texts() -> ColumnTransformer:
    return ColumnTransformer([("cat", ordinal_texts(), ["category"])], remainder="passthrough")


def _lightgbm(**options: object) -> object:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(n_estimators=40, num_leaves=15, verbose=-1, **options)


def _xgboost(**options: object) -> object:
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=40, max_depth=4, **options)


def _catboost() -> object:
    return import_module("catboost").CatBoostRegressor(
        iterations=40, depth=4, verbose=False, allow_writing_files=False, loss_function="RMSE"
    )


def _cyclic() -> object:
    return import_module("feature_engine.creation").CyclicalFeatures(variables=["hr", "mnth"], drop_original=True)
