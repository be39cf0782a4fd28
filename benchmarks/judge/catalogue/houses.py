"""House prices: a number with a long tail, many texts, many missing values."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold, f_regression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from benchmarks.judge.catalogue.own_steps import Winsorizer, area_features
from benchmarks.judge.catalogue.recipes import entry, numbers_and_texts, ordinal_texts, to_category, usual, usual_texts
from benchmarks.judge.entry import Entry

AREAS = ["GrLivArea", "TotalBsmtSF", "LotArea", "OverallQual", "GarageCars", "YearBuilt"]
WITH_MISSING = [*AREAS, "LotFrontage", "MasVnrArea", "GarageYrBlt"]
GRADES = ["Po", "Fa", "TA", "Gd", "Ex"]


def _log_target(model: object) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(model, func=np.log1p, inverse_func=np.expm1)


def _grade_columns() -> ColumnTransformer:
    """Return quality grades in their order, other texts one-hot, numbers filled."""
    ordered = ["ExterQual", "KitchenQual", "BsmtQual"]
    return ColumnTransformer(
        [
            (
                "grades",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder(categories=[GRADES] * 3)),
                ordered,
            ),
            ("cat", usual_texts(), ["Neighborhood", "MSZoning", "CentralAir"]),
            ("num", SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
        ]
    )


FOREST = {"n_estimators": 40, "max_depth": 8, "random_state": 1}


def _robust(model: object) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median"), RobustScaler())
    return usual(model, numbers=numbers)


def houses() -> list[Entry]:
    """Return the entries of house prices."""
    return [
        *_single_models(),
        *_transformed_columns(),
        *_ensembles(),
        *_selections_and_own_steps(),
        *_boosters(),
        *_two_targets(),
    ]


def _single_models() -> list[Entry]:
    """Return entries with one model after the usual columns, numbers or grades."""
    return [
        entry("house_prices", "usual columns → Ridge", lambda: usual(Ridge(10))),
        entry(
            "house_prices", "usual columns → log target, Lasso", lambda: usual(_log_target(Lasso(0.001, max_iter=5000)))
        ),
        entry("house_prices", "log target around the usual pipeline, RidgeCV", lambda: _log_target(usual(RidgeCV()))),
        entry("house_prices", "robust scale → ElasticNetCV", lambda: _robust(ElasticNetCV(cv=3))),
        entry(
            "house_prices",
            "usual columns → log target, LassoCV",
            lambda: usual(_log_target(LassoCV(cv=3, max_iter=5000))),
        ),
        entry("house_prices", "usual columns → LinearRegression", lambda: usual(LinearRegression())),
        entry("house_prices", "usual columns → RandomForest", lambda: usual(RandomForestRegressor(**FOREST))),
        entry(
            "house_prices",
            "usual columns → GradientBoosting, huber",
            lambda: usual(GradientBoostingRegressor(n_estimators=60, loss="huber", random_state=0)),
        ),
        entry(
            "house_prices",
            "grades in order → ExtraTrees",
            lambda: make_pipeline(_grade_columns(), ExtraTreesRegressor(40, random_state=0)),
        ),
        entry(
            "house_prices",
            "grades in order → HistGradientBoosting (dense)",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("cat", ordinal_texts(), make_column_selector(dtype_exclude="number"))], remainder="passthrough"
                ),
                HistGradientBoostingRegressor(max_iter=60),
            ),
        ),
        entry(
            "house_prices",
            "HistGradientBoosting, categories from dtype",
            lambda: HistGradientBoostingRegressor(max_iter=60, categorical_features="from_dtype"),
            prepare=to_category,
        ),
        entry("house_prices", "usual columns → SVR", lambda: usual(_log_target(SVR(C=20, epsilon=0.008)))),
        entry(
            "house_prices",
            "usual columns → KernelRidge(poly)",
            lambda: usual(KernelRidge(alpha=0.6, kernel="polynomial", degree=2, coef0=2.5)),
            fit_rows=400,
        ),
        entry("house_prices", "usual columns → KNeighbors", lambda: usual(KNeighborsRegressor(10, weights="distance"))),
        entry(
            "house_prices",
            "numbers → KNeighbors(5)",
            lambda: make_pipeline(SimpleImputer(), StandardScaler(), KNeighborsRegressor(5)),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "raw integers → KNeighbors(3)",
            lambda: KNeighborsRegressor(3),
            columns=["OverallQual", "GarageCars", "YearBuilt"],
        ),
    ]


def _transformed_columns() -> list[Entry]:
    """Return entries with power transforms, quantiles, imputers, polynomials, splines and target encoding."""
    return [
        entry(
            "house_prices",
            "log1p and Yeo-Johnson → BayesianRidge",
            lambda: make_pipeline(
                make_column_transformer(
                    (FunctionTransformer(np.log1p, feature_names_out="one-to-one"), ["LotArea", "GrLivArea"]),
                    (PowerTransformer(), ["TotalBsmtSF", "YearBuilt"]),
                    remainder="passthrough",
                ),
                BayesianRidge(),
            ),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "quantiles → HuberRegressor",
            lambda: make_pipeline(
                SimpleImputer(),
                QuantileTransformer(n_quantiles=100, output_distribution="normal"),
                HuberRegressor(max_iter=500),
            ),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "KNNImputer → Ridge",
            lambda: make_pipeline(StandardScaler(), KNNImputer(), Ridge()),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "IterativeImputer → Ridge",
            lambda: make_pipeline(IterativeImputer(random_state=0), StandardScaler(), Ridge()),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "IterativeImputer → RandomForest",
            lambda: make_pipeline(IterativeImputer(max_iter=5, random_state=0), RandomForestRegressor(**FOREST)),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "polynomials → Lasso",
            lambda: make_pipeline(
                SimpleImputer(),
                PolynomialFeatures(2, interaction_only=True),
                StandardScaler(),
                Lasso(10, max_iter=5000),
            ),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "splines of the areas → Ridge",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("spline", SplineTransformer(n_knots=5, degree=3), ["GrLivArea", "YearBuilt"])],
                    remainder="passthrough",
                ),
                Ridge(),
            ),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "TargetEncoder → GradientBoosting",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "cat",
                            TargetEncoder(target_type="continuous", random_state=0),
                            ["Neighborhood", "HouseStyle"],
                        ),
                        ("num", SimpleImputer(), WITH_MISSING),
                    ]
                ),
                GradientBoostingRegressor(n_estimators=50),
            ),
            columns=[*WITH_MISSING, "Neighborhood", "HouseStyle"],
        ),
    ]


def _ensembles() -> list[Entry]:
    """Return entries with voting, stacking, boosting and bagging."""
    return [
        entry(
            "house_prices",
            "voting of three",
            lambda: usual(
                VotingRegressor(
                    [
                        ("r", Ridge()),
                        ("f", RandomForestRegressor(**FOREST)),
                        ("g", GradientBoostingRegressor(n_estimators=30)),
                    ]
                )
            ),
        ),
        entry(
            "house_prices",
            "stacking, Ridge at the end",
            lambda: usual(
                StackingRegressor(
                    [("l", Lasso(1, max_iter=5000)), ("f", RandomForestRegressor(**FOREST)), ("s", SVR())],
                    final_estimator=Ridge(),
                    cv=3,
                )
            ),
        ),
        entry(
            "house_prices",
            "stacking, GradientBoosting at the end",
            lambda: usual(
                StackingRegressor(
                    [("r", Ridge()), ("k", KNeighborsRegressor(8)), ("e", ElasticNet())],
                    final_estimator=GradientBoostingRegressor(n_estimators=30),
                    cv=3,
                )
            ),
        ),
        entry(
            "house_prices",
            "stacking with passthrough, RandomForest at the end",
            lambda: usual(
                StackingRegressor(
                    [("r", RidgeCV()), ("b", BayesianRidge())],
                    final_estimator=RandomForestRegressor(**FOREST),
                    cv=3,
                    passthrough=True,
                ),
                texts=usual_texts(sparse_output=False),
            ),
        ),
        entry(
            "house_prices",
            "AdaBoost of trees",
            lambda: usual(AdaBoostRegressor(DecisionTreeRegressor(max_depth=4), n_estimators=25, random_state=0)),
        ),
        entry("house_prices", "Bagging of Ridge", lambda: usual(BaggingRegressor(Ridge(), 10, random_state=0))),
    ]


def _selections_and_own_steps() -> list[Entry]:
    """Return entries with selected columns, steps of the owner, projections, rare texts and a search."""
    return [
        entry(
            "house_prices",
            "selection by a forest → LinearRegression",
            lambda: make_pipeline(
                numbers_and_texts(), SelectFromModel(RandomForestRegressor(20, random_state=0)), LinearRegression()
            ),
        ),
        entry(
            "house_prices",
            "RFE → LinearRegression",
            lambda: make_pipeline(SimpleImputer(), RFE(LinearRegression(), n_features_to_select=4), LinearRegression()),
            columns=WITH_MISSING,
        ),
        entry(
            "house_prices",
            "variance threshold, best by F → Ridge",
            lambda: make_pipeline(
                numbers_and_texts(), VarianceThreshold(0.01), SelectKBest(f_regression, k=15), Ridge()
            ),
        ),
        entry(
            "house_prices",
            "own class Winsorizer → LinearRegression",
            lambda: make_pipeline(Winsorizer(), StandardScaler(), LinearRegression()),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "own function area_features → GradientBoosting",
            lambda: make_pipeline(FunctionTransformer(area_features), GradientBoostingRegressor(n_estimators=40)),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "own function area_features → Ridge",
            lambda: make_pipeline(FunctionTransformer(area_features), StandardScaler(), Ridge()),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "abs and square → log1p → RandomForest",
            lambda: make_pipeline(
                FunctionTransformer(np.abs),
                FunctionTransformer(np.square),
                FunctionTransformer(np.log1p),
                RandomForestRegressor(**FOREST),
            ),
            columns=AREAS,
        ),
        entry(
            "house_prices",
            "PCA → Gaussian process",
            lambda: make_pipeline(StandardScaler(), PCA(3), GaussianProcessRegressor(alpha=0.1, normalize_y=True)),
            columns=AREAS,
            fit_rows=200,
        ),
        entry(
            "house_prices",
            "one-hot, rare texts together, drop first → Ridge",
            lambda: make_pipeline(
                make_column_transformer(
                    (
                        OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist", drop="first"),
                        ["Neighborhood", "HouseStyle", "MSZoning"],
                    ),
                    (StandardScaler(), AREAS),
                ),
                Ridge(),
            ),
            columns=[*AREAS, "Neighborhood", "HouseStyle", "MSZoning"],
        ),
        entry(
            "house_prices",
            "grid search over GradientBoosting",
            lambda: GridSearchCV(usual(GradientBoostingRegressor(n_estimators=30)), {"model__max_depth": [2, 3]}, cv=3),
        ),
    ]


def _boosters() -> list[Entry]:
    """Return entries with XGBoost and LightGBM."""
    return [
        entry("house_prices", "XGBoost behind the usual columns", lambda: usual(_xgboost()), needs=("xgboost",)),
        entry("house_prices", "XGBoost, log target", lambda: _log_target(usual(_xgboost())), needs=("xgboost",)),
        entry("house_prices", "LightGBM behind the usual columns", lambda: usual(_lightgbm()), needs=("lightgbm",)),
        entry(
            "house_prices",
            "LightGBM on pandas categories",
            lambda: _lightgbm(),
            prepare=to_category,
            needs=("lightgbm",),
        ),
        entry(
            "house_prices",
            "LightGBM with linear trees",
            lambda: _lightgbm(linear_tree=True),
            columns=AREAS,
            needs=("lightgbm",),
        ),
    ]


def _two_targets() -> list[Entry]:
    """Return entries that predict two prices in one call."""
    return [
        entry(
            "house_prices",
            "two prices at once, Ridge",
            lambda: make_pipeline(StandardScaler(), Ridge()),
            target=["SalePrice", "LotArea"],
            columns=["GrLivArea", "OverallQual", "YearBuilt"],
        ),
        entry(
            "house_prices",
            "two prices at once, RandomForest",
            lambda: RandomForestRegressor(**FOREST),
            target=["SalePrice", "LotArea"],
            columns=["GrLivArea", "OverallQual", "YearBuilt"],
        ),
    ]


def _xgboost() -> object:
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=50, max_depth=4, learning_rate=0.1)


def _lightgbm(**options: object) -> object:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(n_estimators=40, num_leaves=15, verbose=-1, **options)
