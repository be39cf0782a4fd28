"""The pipelines that are fitted with each version: the most common steps before a small model, and the most common models.

This file imports nothing of Tabento: it runs in environments that hold an older scikit-learn and little else.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

NUMBERS = ["area", "rooms", "distance"]
TEXTS = ["city", "kind"]
REGRESSION, TWO, THREE = "price", "sold", "grade"
TARGETS = (REGRESSION, TWO, THREE)

Member = tuple[str, str, tuple[str, ...], Callable[[], Any]]
"""Name, target, columns, and the function that returns the unfitted pipeline."""


def rows(count: int = 240, seed: int = 3) -> pd.DataFrame:
    """Return synthetic flats with numbers, texts, missing values of both, and three targets."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "area": np.round(generator.uniform(15, 180, count), 5),
            "rooms": generator.integers(1, 7, count),
            "distance": np.round(generator.gamma(2, 3, count) + 0.1, 6),
            "age": np.round(generator.uniform(0, 120, count), 4),
            "city": generator.choice(np.array(["bern", "basel", "chur", "Zürich"], dtype=object), count),
            "kind": generator.choice(np.array(["flat", "house", "loft"], dtype=object), count),
        }
    )
    price = 3.1 * frame["area"] + 20 * frame["rooms"] - 6 * frame["distance"] + 40 * (frame["city"] == "Zürich")
    frame["price"] = np.round(price + generator.normal(0, 15, count) + 200, 2)
    frame["sold"] = np.where(frame["price"] > frame["price"].median(), "yes", "no")
    frame["grade"] = np.digitize(frame["price"], np.quantile(frame["price"], [0.33, 0.66])) + 1
    frame.loc[generator.random(count) < 0.15, "age"] = np.nan
    frame.loc[generator.random(count) < 0.15, "kind"] = None
    return frame


def _before_ridge(
    step: Callable[[], Any], columns: tuple[str, ...] = ("area", "rooms", "distance")
) -> tuple[str, tuple[str, ...], Callable[[], Any]]:
    return REGRESSION, columns, lambda: make_pipeline(step(), Ridge())


def _mixed_pipeline(model: Any) -> Any:
    """Return the usual pipeline of tutorials: numbers and texts are imputed, scaled and encoded, then a model follows."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return Pipeline(
        [
            ("columns", ColumnTransformer([("n", numbers, ["area", "rooms", "age"]), ("t", texts, TEXTS)])),
            ("model", model),
        ]
    )


def _mixed_pipeline_with(model: Callable[[], Any]) -> Any:
    return _mixed_pipeline(model())


MIXED = ("area", "rooms", "age", "city", "kind")
PLAIN = ("area", "rooms", "distance")


def _steps_before_ridge() -> dict[str, tuple[str, tuple[str, ...], Callable[[], Any]]]:
    """Return target, columns and pipeline of each member with a step before a small model."""
    return {
        "StandardScaler": _before_ridge(StandardScaler),
        "MinMaxScaler": _before_ridge(lambda: MinMaxScaler(clip=True)),
        "MaxAbsScaler": _before_ridge(MaxAbsScaler),
        "RobustScaler": _before_ridge(RobustScaler),
        "Normalizer": _before_ridge(Normalizer),
        "SimpleImputer median": _before_ridge(lambda: SimpleImputer(strategy="median"), ("area", "age")),
        "SimpleImputer constant, indicator": _before_ridge(
            lambda: SimpleImputer(strategy="constant", fill_value=-1.0, add_indicator=True), ("area", "age")
        ),
        "KNNImputer": _before_ridge(lambda: KNNImputer(n_neighbors=3), ("area", "distance", "age")),
        "SimpleImputer text": (
            REGRESSION,
            ("kind",),
            lambda: make_pipeline(
                SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"), Ridge()
            ),
        ),
        "OneHotEncoder": _before_ridge(lambda: OneHotEncoder(handle_unknown="ignore"), ("city",)),
        "OneHotEncoder drop": _before_ridge(lambda: OneHotEncoder(drop="first", sparse_output=False), ("city",)),
        "OneHotEncoder min_frequency": _before_ridge(
            lambda: OneHotEncoder(min_frequency=55, handle_unknown="infrequent_if_exist"), ("city",)
        ),
        "OrdinalEncoder": _before_ridge(
            lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ("city",)
        ),
        "TargetEncoder": _before_ridge(lambda: TargetEncoder(random_state=0), ("city",)),
        "KBinsDiscretizer": _before_ridge(lambda: KBinsDiscretizer(4, encode="onehot-dense")),
        "PolynomialFeatures": _before_ridge(lambda: PolynomialFeatures(2)),
        "PowerTransformer": _before_ridge(PowerTransformer),
        "QuantileTransformer": _before_ridge(lambda: QuantileTransformer(n_quantiles=50, random_state=0)),
        "PCA": _before_ridge(lambda: make_pipeline(StandardScaler(), PCA(2))),
        "TruncatedSVD": _before_ridge(lambda: TruncatedSVD(2, random_state=0)),
        "SelectKBest": _before_ridge(lambda: SelectKBest(f_regression, k=2)),
        "SelectFromModel": _before_ridge(lambda: SelectFromModel(Lasso(0.1))),
        "VarianceThreshold": _before_ridge(VarianceThreshold),
        "FunctionTransformer log1p": _before_ridge(lambda: FunctionTransformer(np.log1p)),
        "FeatureUnion": _before_ridge(lambda: FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())])),
        "ColumnTransformer": (REGRESSION, MIXED, lambda: _mixed_pipeline(Ridge())),
        "ColumnTransformer passthrough": (
            REGRESSION,
            ("area", "rooms", "city"),
            lambda: make_pipeline(
                ColumnTransformer([("t", OneHotEncoder(), ["city"])], remainder="passthrough"), Ridge()
            ),
        ),
        "ColumnTransformer remainder": (
            REGRESSION,
            ("area", "rooms", "city"),
            lambda: make_pipeline(
                ColumnTransformer([("t", OneHotEncoder(), ["city"])], remainder=StandardScaler()), Ridge()
            ),
        ),
        "ColumnTransformer selector": (
            REGRESSION,
            ("area", "rooms", "city"),
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        ("n", StandardScaler(), make_column_selector(dtype_include="number")),
                        ("t", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
                    ]
                ),
                Ridge(),
            ),
        ),
        "TransformedTargetRegressor": (
            REGRESSION,
            PLAIN,
            lambda: TransformedTargetRegressor(
                make_pipeline(StandardScaler(), Ridge()), func=np.log, inverse_func=np.exp
            ),
        ),
        "GridSearchCV": (
            REGRESSION,
            PLAIN,
            lambda: GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=3),
        ),
    }


def _regressors() -> dict[str, Callable[[], Any]]:
    """Return the regressors that follow the usual columns."""
    return {
        "LinearRegression": LinearRegression,
        "RidgeCV": RidgeCV,
        "Lasso": lambda: Lasso(0.01),
        "ElasticNet": lambda: ElasticNet(0.01),
        "HuberRegressor": lambda: HuberRegressor(max_iter=500),
        "PoissonRegressor": PoissonRegressor,
        "DecisionTreeRegressor": lambda: DecisionTreeRegressor(max_depth=5, random_state=0),
        "RandomForestRegressor": lambda: RandomForestRegressor(8, max_depth=5, random_state=0),
        "GradientBoostingRegressor": lambda: GradientBoostingRegressor(n_estimators=12, random_state=0),
        "HistGradientBoostingRegressor": lambda: HistGradientBoostingRegressor(max_iter=12, random_state=0),
        "HistGradientBoostingRegressor poisson": lambda: HistGradientBoostingRegressor(
            loss="poisson", max_iter=12, random_state=0
        ),
        "BaggingRegressor": lambda: BaggingRegressor(
            DecisionTreeRegressor(max_depth=4), n_estimators=5, random_state=0
        ),
        "StackingRegressor": lambda: StackingRegressor(
            [("r", Ridge()), ("t", DecisionTreeRegressor(max_depth=3, random_state=0))], final_estimator=Ridge(), cv=3
        ),
        "SVR": lambda: SVR(C=10.0),
        "KNeighborsRegressor": lambda: KNeighborsRegressor(5, weights="distance"),
        "MLPRegressor": lambda: MLPRegressor(hidden_layer_sizes=(8,), max_iter=300, random_state=0),
    }


def _classifiers() -> dict[str, tuple[str, Callable[[], Any]]]:
    """Return target and classifier of each member that follows the usual columns."""
    return {
        "LogisticRegression": (TWO, LogisticRegression),
        "LogisticRegression of three": (THREE, lambda: LogisticRegression(max_iter=500)),
        "LogisticRegressionCV": (TWO, lambda: LogisticRegressionCV(Cs=3, cv=3)),
        "RidgeClassifier": (TWO, RidgeClassifier),
        "SGDClassifier": (TWO, lambda: SGDClassifier(loss="log_loss", random_state=0)),
        "LinearSVC": (TWO, lambda: LinearSVC(dual=False)),
        "SVC": (THREE, SVC),
        "LinearDiscriminantAnalysis": (THREE, LinearDiscriminantAnalysis),
        "GaussianNB": (THREE, GaussianNB),
        "KNeighborsClassifier": (THREE, lambda: KNeighborsClassifier(5, weights="distance")),
        "DecisionTreeClassifier": (TWO, lambda: DecisionTreeClassifier(max_depth=5, random_state=0)),
        "RandomForestClassifier": (TWO, lambda: RandomForestClassifier(8, max_depth=5, random_state=0)),
        "ExtraTreesClassifier": (THREE, lambda: ExtraTreesClassifier(8, max_depth=5, random_state=0)),
        "GradientBoostingClassifier": (TWO, lambda: GradientBoostingClassifier(n_estimators=12, random_state=0)),
        "GradientBoostingClassifier of three": (
            THREE,
            lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
        ),
        "HistGradientBoostingClassifier": (TWO, lambda: HistGradientBoostingClassifier(max_iter=12, random_state=0)),
        "HistGradientBoostingClassifier of three": (
            THREE,
            lambda: HistGradientBoostingClassifier(max_iter=8, random_state=0),
        ),
        "AdaBoostClassifier": (TWO, lambda: AdaBoostClassifier(n_estimators=8, random_state=0)),
        "VotingClassifier": (
            TWO,
            lambda: VotingClassifier([("l", LogisticRegression()), ("n", GaussianNB())], voting="soft"),
        ),
        "CalibratedClassifierCV": (TWO, lambda: CalibratedClassifierCV(LinearSVC(dual=False), cv=3)),
        "OneVsRestClassifier": (THREE, lambda: OneVsRestClassifier(LogisticRegression())),
        "MLPClassifier": (TWO, lambda: MLPClassifier(hidden_layer_sizes=(8,), max_iter=300, random_state=0)),
    }


def members() -> list[Member]:
    """Return every member; the estimators are new each time."""
    result: list[Member] = [(name, *parts) for name, parts in _steps_before_ridge().items()]
    result += [(name, REGRESSION, MIXED, partial(_mixed_pipeline_with, model)) for name, model in _regressors().items()]
    result += [
        (name, target, MIXED, partial(_mixed_pipeline_with, model)) for name, (target, model) in _classifiers().items()
    ]
    result.append(("HistGradientBoostingClassifier categorical", TWO, ("area", "age", "city"), _categorical))
    return result


def _categorical() -> Any:
    encoder = ColumnTransformer(
        [("t", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["city"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=10, categorical_features=[0], random_state=0))


def file_stem(name: str) -> str:
    """Return the stem of a member's file names."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).lower()


def fit(folder: Path, requested_names: list[str]) -> None:
    """Fit members and save each as joblib and as skops; ``failed.json`` lists the errors of members that cannot be fitted."""
    frame = pd.read_csv(folder / "rows.csv")
    failed = {}
    for name, target, columns, make in members():
        if requested_names and name not in requested_names:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted_pipeline = make().fit(frame[list(columns)], frame[target])
            joblib.dump(fitted_pipeline, folder / f"{file_stem(name)}.joblib")
            skops.io.dump(fitted_pipeline, folder / f"{file_stem(name)}.skops")
        except Exception:  # a version may lack a class or an option
            failed[name] = traceback.format_exc(limit=-1)
    (folder / "failed.json").write_text(json.dumps(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args(sys.argv[1:])
    fit(arguments.folder, arguments.names)
