"""Medical costs, diabetes and hearts: few rows, integers, and 0 for missing values."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.feature_selection import RFECV, SelectKBest, SequentialFeatureSelector, f_classif
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    BayesianRidge,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.judge.catalogue.own_steps import ZeroAsMissing, zero_to_nan
from benchmarks.judge.catalogue.recipes import entry, usual, usual_texts
from benchmarks.judge.entry import Entry, all_nullable

FOREST = {"n_estimators": 40, "max_depth": 6, "random_state": 1}
ZEROES = ["Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI"]


def costs() -> list[Entry]:
    """Return the entries of insurance."""
    numbers = ["age", "bmi", "children"]
    return [
        entry("insurance", "usual columns → LinearRegression", lambda: usual(LinearRegression())),
        entry(
            "insurance",
            "drop first, polynomials → LinearRegression",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("cat", OneHotEncoder(drop="first", sparse_output=False), ["sex", "smoker", "region"])],
                    remainder="passthrough",
                ),
                PolynomialFeatures(2),
                LinearRegression(),
            ),
        ),
        entry("insurance", "usual columns → RandomForest", lambda: usual(RandomForestRegressor(**FOREST))),
        entry(
            "insurance",
            "integers for texts → GradientBoosting",
            lambda: make_pipeline(
                make_column_transformer(
                    (OrdinalEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
                ),
                GradientBoostingRegressor(n_estimators=60),
            ),
        ),
        entry("insurance", "usual columns → GammaRegressor", lambda: usual(GammaRegressor(max_iter=300))),
        entry(
            "insurance", "usual columns → TweedieRegressor", lambda: usual(TweedieRegressor(power=1.5, max_iter=300))
        ),
        entry(
            "insurance",
            "log target by quantiles → Ridge",
            lambda: TransformedTargetRegressor(
                usual(Ridge()), transformer=QuantileTransformer(n_quantiles=100, output_distribution="normal")
            ),
        ),
        entry(
            "insurance",
            "log target → Lasso",
            lambda: TransformedTargetRegressor(usual(Lasso(0.01)), func=np.log, inverse_func=np.exp),
        ),
        entry("insurance", "usual columns → SVR(linear)", lambda: usual(SVR(kernel="linear", C=100))),
        entry(
            "insurance",
            "usual columns → MLP",
            lambda: usual(
                TransformedTargetRegressor(
                    MLPRegressor(hidden_layer_sizes=(16,), max_iter=300, random_state=0), transformer=StandardScaler()
                )
            ),
        ),
        entry("insurance", "usual columns → KNeighbors(6)", lambda: usual(KNeighborsRegressor(6))),
        entry("insurance", "numbers → DecisionTree", lambda: DecisionTreeRegressor(max_depth=5), columns=numbers),
        entry(
            "insurance",
            "one column → IsotonicRegression",
            lambda: IsotonicRegression(out_of_bounds="clip"),
            columns=["age"],
        ),
        entry(
            "insurance",
            "stacking, BayesianRidge at the end",
            lambda: usual(
                StackingRegressor(
                    [
                        ("f", RandomForestRegressor(**FOREST)),
                        ("g", GradientBoostingRegressor(n_estimators=25)),
                        ("l", LinearRegression()),
                    ],
                    final_estimator=BayesianRidge(),
                    cv=3,
                )
            ),
        ),
        entry("insurance", "XGBoost behind the usual columns", lambda: usual(_xgboost_regressor()), needs=("xgboost",)),
        entry("insurance", "CatBoost with texts", lambda: _catboost(), needs=("catboost",)),
        entry(
            "insurance",
            "HistGradientBoosting, gamma loss",
            lambda: HistGradientBoostingRegressor(loss="gamma", max_iter=40),
            columns=numbers,
        ),
    ]


def patients() -> list[Entry]:
    """Return the entries of diabetes."""
    return [
        entry(
            "diabetes",
            "StandardScaler → LogisticRegression",
            lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        ),
        entry(
            "diabetes",
            "0 as missing by SimpleImputer(missing_values=0) → RandomForest",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("zero", SimpleImputer(missing_values=0, strategy="median"), ZEROES)], remainder="passthrough"
                ),
                RandomForestClassifier(**FOREST),
            ),
        ),
        entry(
            "diabetes",
            "0 as missing by an own class → LogisticRegression",
            lambda: make_pipeline(
                ZeroAsMissing(ZEROES), SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()
            ),
        ),
        entry(
            "diabetes",
            "0 as missing by an own function → KNNImputer → RandomForest",
            lambda: make_pipeline(FunctionTransformer(zero_to_nan), KNNImputer(), RandomForestClassifier(**FOREST)),
        ),
        entry("diabetes", "MinMax → KNeighbors(11)", lambda: make_pipeline(MinMaxScaler(), KNeighborsClassifier(11))),
        entry(
            "diabetes",
            "KNeighbors(9) on raw integers",
            lambda: KNeighborsClassifier(9),
            columns=["Glucose", "Age", "Pregnancies"],
        ),
        entry("diabetes", "DecisionTree", lambda: DecisionTreeClassifier(max_depth=4, min_samples_leaf=10)),
        entry("diabetes", "StandardScaler → SVC", lambda: make_pipeline(StandardScaler(), SVC(C=0.8))),
        entry("diabetes", "GaussianNB", lambda: GaussianNB()),
        entry(
            "diabetes",
            "best four by F → GradientBoosting",
            lambda: make_pipeline(SelectKBest(f_classif, k=4), GradientBoostingClassifier(n_estimators=40)),
        ),
        entry(
            "diabetes",
            "RFECV → LogisticRegression",
            lambda: make_pipeline(StandardScaler(), RFECV(LogisticRegression(), cv=3), LogisticRegression()),
        ),
        entry(
            "diabetes",
            "sequential selection → KNeighbors",
            lambda: make_pipeline(
                RobustScaler(),
                SequentialFeatureSelector(LogisticRegression(), n_features_to_select=4, cv=2),
                KNeighborsClassifier(15),
            ),
        ),
        entry(
            "diabetes",
            "0 as missing, IterativeImputer → LogisticRegression",
            lambda: make_pipeline(IterativeImputer(missing_values=0, max_iter=3, random_state=0), LogisticRegression()),
            columns=ZEROES,
        ),
        entry(
            "diabetes",
            "voting of forest, SVC and boosting",
            lambda: make_pipeline(
                StandardScaler(),
                VotingClassifier(
                    [
                        ("f", RandomForestClassifier(**FOREST)),
                        ("s", SVC()),
                        ("g", GradientBoostingClassifier(n_estimators=20)),
                    ]
                ),
            ),
        ),
        entry(
            "diabetes",
            "stacking with SVC and naive Bayes, forest at the end",
            lambda: make_pipeline(
                StandardScaler(),
                StackingClassifier(
                    [("s", SVC()), ("n", GaussianNB()), ("k", KNeighborsClassifier(9))],
                    final_estimator=RandomForestClassifier(20, random_state=0),
                    cv=3,
                ),
            ),
        ),
        entry("diabetes", "XGBoost", lambda: _xgboost(), needs=("xgboost",)),
        entry("diabetes", "LightGBM, nullable by hand", lambda: _lightgbm(), needs=("lightgbm",), edit=all_nullable),
    ]


def hearts() -> list[Entry]:
    """Return the entries of heart."""
    categories = ["cp", "restecg", "slope", "thal"]
    numbers = ["age", "trestbps", "chol", "thalach", "oldpeak"]

    def preparation() -> ColumnTransformer:
        return make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), categories), (StandardScaler(), numbers), remainder="passthrough"
        )

    return [
        entry(
            "heart",
            "one-hot integers → LogisticRegression",
            lambda: make_pipeline(preparation(), LogisticRegression(max_iter=500)),
        ),
        entry(
            "heart",
            "one-hot integers → RandomForest",
            lambda: make_pipeline(preparation(), RandomForestClassifier(**FOREST)),
        ),
        entry("heart", "one-hot integers → SVC", lambda: make_pipeline(preparation(), SVC())),
        entry(
            "heart",
            "one-hot integers, refusing unknown ones → DecisionTree",
            lambda: make_pipeline(
                make_column_transformer((OneHotEncoder(), categories), remainder="passthrough"),
                DecisionTreeClassifier(max_depth=4),
            ),
        ),
        entry(
            "heart",
            "integers only → KNeighbors(7)",
            lambda: KNeighborsClassifier(7),
            columns=["age", "trestbps", "chol", "thalach"],
        ),
        entry(
            "heart",
            "StandardScaler → KNeighbors(5)",
            lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
            columns=numbers,
        ),
        entry(
            "heart",
            "one decimal with ties → KNeighborsRegressor(3)",
            lambda: KNeighborsRegressor(3),
            columns=["oldpeak", "cp", "ca"],
        ),
        entry(
            "heart",
            "ExtraTrees on everything",
            lambda: make_pipeline(
                make_column_transformer((usual_texts(sparse_output=False), ["thal"]), remainder="passthrough"),
                ExtraTreesClassifier(40, random_state=0),
            ),
        ),
        entry(
            "heart", "PoissonRegressor", lambda: make_pipeline(StandardScaler(), PoissonRegressor()), columns=numbers
        ),
        entry(
            "heart",
            "soft voting of LogisticRegression and KNeighbors",
            lambda: make_pipeline(
                StandardScaler(),
                VotingClassifier([("l", LogisticRegression()), ("k", KNeighborsClassifier(8))], voting="soft"),
            ),
            columns=numbers,
        ),
        entry("heart", "XGBoost, deep", lambda: _xgboost(max_depth=8), columns=numbers, needs=("xgboost",)),
        entry(
            "heart",
            "SVC(probability=True) in soft voting",
            lambda: make_pipeline(
                StandardScaler(),
                VotingClassifier(
                    [("s", SVC(probability=True, random_state=0)), ("f", RandomForestClassifier(**FOREST))],
                    voting="soft",
                ),
            ),
            columns=numbers,
        ),
    ]


def _xgboost(**options: object) -> object:
    from xgboost import XGBClassifier

    return XGBClassifier(**{"n_estimators": 40, "max_depth": 3, **options})


def _xgboost_regressor() -> object:
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=40, max_depth=4, objective="reg:gamma")


def _lightgbm() -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=30, num_leaves=15, verbose=-1)


def _catboost() -> object:
    return import_module("catboost").CatBoostRegressor(
        iterations=40, depth=4, verbose=False, allow_writing_files=False, cat_features=["sex", "smoker", "region"]
    )
