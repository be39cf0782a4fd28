"""Members by estimator: each on raw columns and after a StandardScaler, for each task of the estimator.

Raw columns test an estimator on numbers between 1e-7 and 1.7e9. Scaled columns test the conversion of the scaler: there
float32 sends rows down another branch.
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
FEW_ROWS = 800
"""The number of rows for estimators that keep their training rows: more rows would put the whole table into the graph."""
CLASSES: tuple[Task, ...] = ("binary", "classes")
EVERY: tuple[Task, ...] = ("binary", "classes", "grades")
NUMBER: tuple[Task, ...] = ("regression",)
ONE_OR_TWO_NUMBERS: tuple[Task, ...] = ("regression", "outputs")


def estimators() -> list[Member]:
    """Return the members of this file."""
    return [*linear(), *kernels(), *neighbours(), *networks(), *trees(), *forests(), *boosting()]


def linear() -> list[Member]:
    """Return linear models."""
    return [
        *_pairs("linear", ONE_OR_TWO_NUMBERS, "LinearRegression", LinearRegression),
        *_pairs("linear", ONE_OR_TWO_NUMBERS, "Ridge", Ridge),
        *_pairs("linear", NUMBER, "Lasso", partial(Lasso, 0.01)),
        *_pairs("linear", NUMBER, "ElasticNet", partial(ElasticNet, 0.01)),
        *_pairs("linear", CLASSES, "LogisticRegression", partial(LogisticRegression, max_iter=300)),
        *_pairs("linear", CLASSES, "LinearSVC", partial(LinearSVC, random_state=SEED)),
    ]


def kernels() -> list[Member]:
    """Return support vector machines."""
    return [
        *_pairs("kernels", NUMBER, "SVR", SVR, fit_rows=FEW_ROWS),
        *_pairs("kernels", NUMBER, "SVR poly", partial(SVR, kernel="poly", degree=2), fit_rows=FEW_ROWS),
        *_pairs("kernels", CLASSES, "SVC", SVC, fit_rows=FEW_ROWS),
        *_pairs(
            "kernels", ("classes",), "SVC linear", partial(SVC, kernel="linear", max_iter=20_000), fit_rows=FEW_ROWS
        ),
    ]


def neighbours() -> list[Member]:
    """Return nearest neighbours; the nearest row of a training row is the row itself."""
    distance = partial(KNeighborsRegressor, weights="distance")
    return [
        *_pairs("neighbours", ONE_OR_TWO_NUMBERS, "KNeighborsRegressor", KNeighborsRegressor, fit_rows=FEW_ROWS),
        *_pairs("neighbours", NUMBER, "KNeighborsRegressor distance", distance, fit_rows=FEW_ROWS),
        *_pairs("neighbours", CLASSES, "KNeighborsClassifier", KNeighborsClassifier, fit_rows=FEW_ROWS),
    ]


def networks() -> list[Member]:
    """Return neural networks."""
    shape = {"hidden_layer_sizes": (24, 12), "max_iter": 60, "random_state": SEED}
    return [
        *_pairs("networks", ONE_OR_TWO_NUMBERS, "MLPRegressor", partial(MLPRegressor, **shape)),
        *_pairs("networks", CLASSES, "MLPClassifier", partial(MLPClassifier, **shape)),
        *_pairs("networks", ("grades",), "MLPClassifier tanh", partial(MLPClassifier, activation="tanh", **shape)),
    ]


def trees() -> list[Member]:
    """Return single trees; thresholds are half way between training values, and missing values have a side."""
    return [
        *_pairs(
            "trees",
            ONE_OR_TWO_NUMBERS,
            "DecisionTreeRegressor",
            partial(DecisionTreeRegressor, random_state=SEED),
            NUMBERS,
        ),
        *_pairs(
            "trees",
            CLASSES,
            "DecisionTreeClassifier",
            partial(DecisionTreeClassifier, max_depth=12, random_state=SEED),
            NUMBERS,
        ),
    ]


def forests() -> list[Member]:
    """Return averages of many trees; values are rounded to float32 before the comparison."""
    shape = {"n_estimators": 40, "min_samples_leaf": 4, "random_state": SEED}
    return [
        *_pairs(
            "forests", ONE_OR_TWO_NUMBERS, "RandomForestRegressor", partial(RandomForestRegressor, **shape), NUMBERS
        ),
        *_pairs("forests", ONE_OR_TWO_NUMBERS, "ExtraTreesRegressor", partial(ExtraTreesRegressor, **shape)),
        *_pairs("forests", CLASSES, "RandomForestClassifier", partial(RandomForestClassifier, **shape), NUMBERS),
        *_pairs("forests", CLASSES, "ExtraTreesClassifier", partial(ExtraTreesClassifier, **shape)),
    ]


def boosting() -> list[Member]:
    """Return gradient boosting."""
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
