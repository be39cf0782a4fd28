"""Members by estimator: each on raw columns and behind a StandardScaler, for each task that it can do.

Raw columns show what an estimator makes of numbers between 1e-7 and 1.7e9. Scaled ones show what a conversion makes of
the scaler: it is there that float32 sends rows down another branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.zoo.data import FIT_ROWS, NUMBERS, PLAIN, Task
from benchmarks.zoo.member import Factory, Member, raw_and_scaled

SEED = 7
FEW = 800
"""Rows for estimators that keep their training rows: with all of them a graph would hold the table."""
CLASSES: tuple[Task, ...] = ("binary", "classes")
EVERY: tuple[Task, ...] = ("binary", "classes", "grades")
NUMBER: tuple[Task, ...] = ("regression",)
BOTH: tuple[Task, ...] = ("regression", "outputs")


def estimators() -> list[Member]:
    """Return the members of this file."""
    return [*linear(), *kernels(), *neighbours(), *networks(), *trees(), *forests(), *boosting()]


def linear() -> list[Member]:
    """Sums of products."""
    return [
        *_pairs("linear", BOTH, "LinearRegression", LinearRegression),
        *_pairs("linear", BOTH, "Ridge", Ridge),
        *_pairs("linear", NUMBER, "Lasso", partial(Lasso, 0.01)),
        *_pairs("linear", NUMBER, "ElasticNet", partial(ElasticNet, 0.01)),
        *_pairs("linear", CLASSES, "LogisticRegression", partial(LogisticRegression, max_iter=300)),
        *_pairs("linear", CLASSES, "LinearSVC", partial(LinearSVC, random_state=SEED)),
    ]


def kernels() -> list[Member]:
    """Support vectors and their kernels."""
    return [
        *_pairs("kernels", NUMBER, "SVR", SVR, fit_rows=FEW),
        *_pairs("kernels", NUMBER, "SVR poly", partial(SVR, kernel="poly", degree=2), fit_rows=FEW),
        *_pairs("kernels", CLASSES, "SVC", SVC, fit_rows=FEW),
        *_pairs("kernels", ("classes",), "SVC linear", partial(SVC, kernel="linear", max_iter=20_000), fit_rows=FEW),
    ]


def neighbours() -> list[Member]:
    """Nearest rows; the nearest of all is the row itself where it was fitted on."""
    distance = partial(KNeighborsRegressor, weights="distance")
    return [
        *_pairs("neighbours", BOTH, "KNeighborsRegressor", KNeighborsRegressor, fit_rows=FEW),
        *_pairs("neighbours", NUMBER, "KNeighborsRegressor distance", distance, fit_rows=FEW),
        *_pairs("neighbours", CLASSES, "KNeighborsClassifier", KNeighborsClassifier, fit_rows=FEW),
    ]


def networks() -> list[Member]:
    """Layers of sums and activations."""
    shape = {"hidden_layer_sizes": (24, 12), "max_iter": 60, "random_state": SEED}
    return [
        *_pairs("networks", BOTH, "MLPRegressor", partial(MLPRegressor, **shape)),
        *_pairs("networks", CLASSES, "MLPClassifier", partial(MLPClassifier, **shape)),
        *_pairs("networks", ("grades",), "MLPClassifier tanh", partial(MLPClassifier, activation="tanh", **shape)),
    ]


def trees() -> list[Member]:
    """One tree; its thresholds lie half way between training values, and missing values have a side."""
    return [
        *_pairs("trees", BOTH, "DecisionTreeRegressor", partial(DecisionTreeRegressor, random_state=SEED), NUMBERS),
        *_pairs(
            "trees",
            CLASSES,
            "DecisionTreeClassifier",
            partial(DecisionTreeClassifier, max_depth=12, random_state=SEED),
            NUMBERS,
        ),
    ]


def forests() -> list[Member]:
    """Many trees, averaged; values are rounded to float32 before they are compared."""
    shape = {"n_estimators": 40, "min_samples_leaf": 4, "random_state": SEED}
    return [
        *_pairs("forests", BOTH, "RandomForestRegressor", partial(RandomForestRegressor, **shape), NUMBERS),
        *_pairs("forests", BOTH, "ExtraTreesRegressor", partial(ExtraTreesRegressor, **shape)),
        *_pairs("forests", CLASSES, "RandomForestClassifier", partial(RandomForestClassifier, **shape), NUMBERS),
        *_pairs("forests", CLASSES, "ExtraTreesClassifier", partial(ExtraTreesClassifier, **shape)),
    ]


def boosting() -> list[Member]:
    """Trees one upon the other."""
    old = {"n_estimators": 50, "random_state": SEED}
    new = {"max_iter": 60, "random_state": SEED}
    poisson = partial(HistGradientBoostingRegressor, loss="poisson", **new)
    return [
        *_pairs("boosting", NUMBER, "GradientBoostingRegressor", partial(GradientBoostingRegressor, **old)),
        *_pairs("boosting", EVERY, "GradientBoostingClassifier", partial(GradientBoostingClassifier, **old)),
        *_pairs(
            "boosting",
            NUMBER,
            "HistGradientBoostingRegressor",
            partial(HistGradientBoostingRegressor, **new),
            NUMBERS,
        ),
        *_pairs("boosting", NUMBER, "HistGradientBoostingRegressor poisson", poisson, NUMBERS),
        *_pairs(
            "boosting",
            EVERY,
            "HistGradientBoostingClassifier",
            partial(HistGradientBoostingClassifier, **new),
            NUMBERS,
        ),
    ]


def _pairs(
    family: str,
    tasks: Sequence[Task],
    label: str,
    estimator: Factory,
    columns: tuple[str, ...] = PLAIN,
    fit_rows: int = FIT_ROWS,
) -> list[Member]:
    return [member for task in tasks for member in raw_and_scaled(family, task, label, estimator, columns, fit_rows)]
