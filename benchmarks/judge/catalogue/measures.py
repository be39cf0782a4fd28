"""Wines, flowers and penguins: numbers with one decimal, several labels, repeated rows."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.recipes import entry, numbers_and_texts, usual, usual_texts
from benchmarks.judge.entry import Entry, without_ranges

FOREST = {"n_estimators": 40, "max_depth": 7, "random_state": 1}


def _scaled_steps(*steps: object) -> Pipeline:
    return make_pipeline(StandardScaler(), *steps)


def wines() -> list[Entry]:
    """Return the entries of wine."""
    return [
        *_wine_models(),
        *_wine_derived_columns(),
        *_wine_searches_and_boosters(),
    ]


def _wine_models() -> list[Entry]:
    """Return entries with one model after at most a scaler or a projection."""
    return [
        entry("wine", "RandomForest on quality", lambda: RandomForestClassifier(**FOREST)),
        entry(
            "wine",
            "StandardScaler → SVC(C=1.2, gamma=0.9) on good",
            lambda: _scaled_steps(SVC(C=1.2, gamma=0.9)),
            target="good",
        ),
        entry("wine", "StandardScaler → SVC on quality", lambda: _scaled_steps(SVC())),
        entry(
            "wine", "StandardScaler → SGD on good", lambda: _scaled_steps(SGDClassifier(random_state=0)), target="good"
        ),
        entry("wine", "StandardScaler → KNeighbors(5) on quality", lambda: _scaled_steps(KNeighborsClassifier(5))),
        entry(
            "wine",
            "KNeighbors(7, p=1) on two decimals",
            lambda: KNeighborsClassifier(7, p=1),
            columns=["alcohol", "pH", "citric acid"],
            target="good",
        ),
        entry("wine", "KNeighborsRegressor(4) as it comes", lambda: KNeighborsRegressor(4)),
        entry(
            "wine",
            "StandardScaler → LogisticRegression on quality",
            lambda: _scaled_steps(LogisticRegression(max_iter=500)),
        ),
        entry("wine", "StandardScaler → LinearRegression", lambda: _scaled_steps(LinearRegression())),
        entry("wine", "RobustScaler → SVR", lambda: make_pipeline(RobustScaler(), SVR())),
        entry("wine", "ExtraTrees on good", lambda: ExtraTreesClassifier(60, random_state=0), target="good"),
        entry(
            "wine", "GradientBoosting on quality", lambda: GradientBoostingClassifier(n_estimators=20, random_state=0)
        ),
        entry(
            "wine",
            "PCA(5) → RandomForest",
            lambda: _scaled_steps(PCA(5), RandomForestClassifier(**FOREST)),
            target="good",
        ),
    ]


def _wine_derived_columns() -> list[Entry]:
    """Return entries with kernels, clusters, norms, logarithms and ranges."""
    return [
        entry(
            "wine",
            "KernelPCA → RandomForest",
            lambda: _scaled_steps(KernelPCA(4, kernel="rbf"), RandomForestClassifier(**FOREST)),
            target="good",
            fit_rows=300,
        ),
        entry(
            "wine",
            "KMeans → GradientBoostingRegressor",
            lambda: _scaled_steps(KMeans(6, n_init=3, random_state=0), GradientBoostingRegressor(n_estimators=30)),
        ),
        entry(
            "wine",
            "Normalizer → RandomForestRegressor",
            lambda: make_pipeline(Normalizer(), RandomForestRegressor(**FOREST)),
        ),
        entry(
            "wine",
            "log1p of skewed columns → GaussianNB",
            lambda: make_pipeline(
                make_column_transformer(
                    (FunctionTransformer(np.log1p), ["residual sugar", "chlorides"]), remainder="passthrough"
                ),
                GaussianNB(),
            ),
            target="good",
        ),
        entry(
            "wine",
            "MinMax → MultinomialNB",
            lambda: make_pipeline(MinMaxScaler(clip=True), MultinomialNB()),
            target="good",
        ),
    ]


def _wine_searches_and_boosters() -> list[Entry]:
    """Return entries with a search, boosters, edited ranges and two targets."""
    return [
        entry("wine", "MLP on quality", lambda: _scaled_steps(MLPClassifier((20,), max_iter=150, random_state=0))),
        entry("wine", "LinearDiscriminantAnalysis", lambda: _scaled_steps(LinearDiscriminantAnalysis())),
        entry(
            "wine",
            "grid search over SVC",
            lambda: GridSearchCV(_scaled_steps(SVC()), {"svc__C": [0.5, 1], "svc__kernel": ["rbf", "linear"]}, cv=3),
            target="good",
        ),
        entry(
            "wine",
            "XGBoost on three grades",
            lambda: _xgboost(),
            labels=lambda truth: np.digitize(truth, [6, 7]),
            needs=("xgboost",),
        ),
        entry("wine", "LightGBM on quality", lambda: _lightgbm(), needs=("lightgbm",)),
        entry("wine", "CatBoost on good", lambda: _catboost(), target="good", needs=("catboost",)),
        entry(
            "wine",
            "RadiusNeighbors on good",
            lambda: _scaled_steps(RadiusNeighborsClassifier(4.0, outlier_label="most_frequent")),
            target="good",
        ),
        entry(
            "wine",
            "quantiles → Ridge, ranges removed by hand",
            lambda: make_pipeline(QuantileTransformer(n_quantiles=100), Ridge()),
            edit=without_ranges,
        ),
        entry(
            "wine",
            "several labels: quality and good",
            lambda: RandomForestClassifier(**FOREST),
            target=["quality", "good"],
        ),
    ]


MODELS = [
    ("l", LogisticRegression(max_iter=500)),
    ("t", DecisionTreeClassifier(max_depth=3)),
    ("k", KNeighborsClassifier(5)),
]


def kinds() -> list[Entry]:
    """Return the entries of flowers."""
    return [
        *_flower_models(),
        *_flower_ensembles_and_derived_columns(),
    ]


def _flower_models() -> list[Entry]:
    """Return entries with one model after at most one step."""
    return [
        entry("flowers", "KNeighbors(1)", lambda: KNeighborsClassifier(1), fit_rows=150),
        entry("flowers", "KNeighbors(3)", lambda: KNeighborsClassifier(3), fit_rows=150),
        entry("flowers", "KNeighbors(5), brute", lambda: KNeighborsClassifier(5, algorithm="brute"), fit_rows=150),
        entry("flowers", "KNeighbors(4), chebyshev", lambda: KNeighborsClassifier(4, metric="chebyshev"), fit_rows=150),
        entry(
            "flowers",
            "StandardScaler → KNeighbors(5)",
            lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
            fit_rows=150,
        ),
        entry(
            "flowers",
            "StandardScaler → KNeighbors(6, distance)",
            lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(6, weights="distance")),
            fit_rows=150,
        ),
        entry("flowers", "LogisticRegression", lambda: LogisticRegression(max_iter=500)),
        entry("flowers", "DecisionTree", lambda: DecisionTreeClassifier()),
        entry("flowers", "SVC(linear)", lambda: SVC(kernel="linear")),
        entry(
            "flowers", "SVC(sigmoid, coef0=1)", lambda: make_pipeline(StandardScaler(), SVC(kernel="sigmoid", coef0=1))
        ),
        entry("flowers", "SVC(probability=True)", lambda: SVC(probability=True, random_state=0)),
        entry("flowers", "NuSVC", lambda: make_pipeline(StandardScaler(), NuSVC(nu=0.3))),
        entry("flowers", "LinearSVC", lambda: LinearSVC()),
        entry("flowers", "GaussianNB", lambda: GaussianNB()),
        entry("flowers", "bins → BernoulliNB", lambda: make_pipeline(KBinsDiscretizer(4), BernoulliNB())),
        entry(
            "flowers",
            "LDA as a transformer → KNeighbors",
            lambda: make_pipeline(LinearDiscriminantAnalysis(n_components=2), KNeighborsClassifier(5)),
            fit_rows=150,
        ),
        entry(
            "flowers",
            "NeighborhoodComponentsAnalysis → KNeighbors",
            lambda: make_pipeline(
                StandardScaler(),
                NeighborhoodComponentsAnalysis(2, max_iter=20, random_state=0),
                KNeighborsClassifier(3),
            ),
            fit_rows=150,
        ),
        entry("flowers", "QuadraticDiscriminantAnalysis", lambda: QuadraticDiscriminantAnalysis()),
        entry("flowers", "NearestCentroid", lambda: NearestCentroid()),
        entry(
            "flowers",
            "Gaussian process",
            lambda: make_pipeline(StandardScaler(), GaussianProcessClassifier()),
            fit_rows=100,
        ),
    ]


def _flower_ensembles_and_derived_columns() -> list[Entry]:
    """Return entries with ensembles, projections, an array without names and integer labels."""
    return [
        entry("flowers", "one against the rest, SVC", lambda: OneVsRestClassifier(SVC())),
        entry(
            "flowers",
            "one against one, LogisticRegression",
            lambda: OneVsOneClassifier(LogisticRegression(max_iter=500)),
        ),
        entry("flowers", "voting, hard", lambda: VotingClassifier(MODELS), fit_rows=150),
        entry("flowers", "voting, soft", lambda: VotingClassifier(MODELS, voting="soft"), fit_rows=150),
        entry("flowers", "stacking", lambda: StackingClassifier(MODELS, cv=3), fit_rows=150),
        entry(
            "flowers",
            "Bagging of KNeighbors",
            lambda: BaggingClassifier(KNeighborsClassifier(5), 8, max_samples=0.5, random_state=0),
            fit_rows=150,
        ),
        entry("flowers", "AdaBoost of stumps", lambda: AdaBoostClassifier(n_estimators=25, random_state=0)),
        entry("flowers", "PCA(2) → SVC", lambda: make_pipeline(PCA(2), SVC())),
        entry("flowers", "PCA(2) → DecisionTree", lambda: make_pipeline(PCA(2), DecisionTreeClassifier(max_depth=4))),
        entry(
            "flowers",
            "polynomials → RidgeClassifier",
            lambda: make_pipeline(PolynomialFeatures(3), StandardScaler(), RidgeClassifier()),
        ),
        entry(
            "flowers",
            "MLP",
            lambda: make_pipeline(StandardScaler(), MLPClassifier((8, 8), max_iter=200, random_state=1)),
        ),
        entry(
            "flowers",
            "on an array, without names → RandomForest",
            lambda: RandomForestClassifier(**FOREST),
            header=False,
        ),
        entry(
            "flowers",
            "integer labels → HistGradientBoosting",
            lambda: HistGradientBoostingClassifier(max_iter=20),
            target="kind",
        ),
    ]


def birds() -> list[Entry]:
    """Return the entries of penguins."""
    sizes = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    return [
        entry("penguins", "usual columns → LogisticRegression", lambda: usual(LogisticRegression(max_iter=500))),
        entry("penguins", "usual columns → DecisionTree", lambda: usual(DecisionTreeClassifier(max_depth=4))),
        entry(
            "penguins",
            "KNNImputer → StandardScaler → KNeighbors",
            lambda: make_pipeline(KNNImputer(), StandardScaler(), KNeighborsClassifier(5)),
            columns=sizes,
            fit_rows=300,
        ),
        entry(
            "penguins",
            "KNNImputer → SVC",
            lambda: make_pipeline(KNNImputer(n_neighbors=3), StandardScaler(), SVC()),
            columns=sizes,
            fit_rows=300,
        ),
        entry("penguins", "usual columns → SVC", lambda: usual(SVC())),
        entry(
            "penguins",
            "usual columns → GaussianNB",
            lambda: make_pipeline(
                numbers_and_texts(texts=usual_texts(sparse_output=False, drop="first")), GaussianNB()
            ),
        ),
        entry("penguins", "RandomForest with missing values", lambda: RandomForestClassifier(**FOREST), columns=sizes),
        entry(
            "penguins",
            "Yeo-Johnson behind the imputer → LinearDiscriminantAnalysis",
            lambda: make_pipeline(SimpleImputer(), PowerTransformer(), LinearDiscriminantAnalysis()),
            columns=sizes,
        ),
        entry(
            "penguins",
            "weight from sizes and texts → LinearRegression",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "cat",
                            make_pipeline(
                                SimpleImputer(strategy="most_frequent"),
                                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                            ),
                            make_column_selector(dtype_exclude="number"),
                        ),
                        ("num", SimpleImputer(), ["bill_length_mm", "bill_depth_mm"]),
                    ]
                ),
                LinearRegression(),
            ),
            columns=["bill_length_mm", "bill_depth_mm", "island", "sex"],
            target="species",
            labels=lambda truth: truth.map(len).astype(float),
        ),
        entry(
            "penguins", "usual columns → GradientBoosting", lambda: usual(GradientBoostingClassifier(n_estimators=15))
        ),
    ]


def _xgboost(**options: object) -> object:
    from xgboost import XGBClassifier

    return XGBClassifier(**{"n_estimators": 25, "max_depth": 4, **options})


def _lightgbm(**options: object) -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**{"n_estimators": 25, "num_leaves": 15, "verbose": -1, **options})


def _catboost() -> object:
    return import_module("catboost").CatBoostClassifier(
        iterations=40, depth=4, verbose=False, allow_writing_files=False
    )
