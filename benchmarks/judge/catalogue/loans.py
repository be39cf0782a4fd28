"""Loans: rare defaults, and missing values of numbers and texts."""

from __future__ import annotations

from importlib import import_module

from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it makes another import possible
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from benchmarks.judge.catalogue.classifier_recipes import (
    FOREST,
    catboost_classifier,
    lightgbm_classifier,
    xgboost_classifier,
)
from benchmarks.judge.catalogue.own_steps import ratio_to_income
from benchmarks.judge.catalogue.recipes import entry, numbers_and_texts, text_as_none, to_category, usual
from benchmarks.judge.entry import Entry, all_nullable

LOANS = ["duration", "amount", "age", "income"]
LOANS_WITH_MISSING = [*LOANS, "rate", "emp_length"]


def loans() -> list[Entry]:
    """Return the entries of credit."""
    return [
        *_boosters(),
        *_derived_columns(),
        *_missing_values(),
        *_catboost_and_encoders(),
    ]


def _boosters() -> list[Entry]:
    """Return entries with the usual columns, XGBoost and LightGBM."""
    return [
        entry(
            "credit", "usual columns → LogisticRegressionCV", lambda: usual(LogisticRegressionCV(cv=3, max_iter=500))
        ),
        entry("credit", "usual columns → RandomForest", lambda: usual(RandomForestClassifier(**FOREST))),
        entry(
            "credit",
            "usual columns → XGBoost",
            lambda: usual(xgboost_classifier(scale_pos_weight=3)),
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost with missing values",
            lambda: xgboost_classifier(),
            columns=LOANS_WITH_MISSING,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost, missing=-999",
            lambda: make_pipeline(
                SimpleImputer(strategy="constant", fill_value=-999), xgboost_classifier(missing=-999)
            ),
            columns=LOANS_WITH_MISSING,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost, DART",
            lambda: xgboost_classifier(booster="dart", rate_drop=0.1),
            columns=LOANS_WITH_MISSING,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost, gblinear",
            lambda: make_pipeline(
                SimpleImputer(), StandardScaler(), xgboost_classifier(booster="gblinear", max_depth=None)
            ),
            columns=LOANS_WITH_MISSING,
            needs=("xgboost",),
        ),
        entry(
            "credit", "XGBoost random forest", lambda: _xgboost_forest(), columns=LOANS_WITH_MISSING, needs=("xgboost",)
        ),
        entry(
            "credit",
            "LightGBM, DART",
            lambda: lightgbm_classifier(boosting_type="dart"),
            columns=LOANS_WITH_MISSING,
            needs=("lightgbm",),
        ),
        entry(
            "credit",
            "LightGBM behind usual columns, balanced",
            lambda: usual(lightgbm_classifier(class_weight="balanced")),
            needs=("lightgbm",),
        ),
        entry(
            "credit",
            "Bagging of XGBoost",
            lambda: BaggingClassifier(xgboost_classifier(n_estimators=10), 4, random_state=0),
            columns=LOANS_WITH_MISSING,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "stacking of XGBoost and LightGBM, LogisticRegression at the end",
            lambda: usual(
                StackingClassifier(
                    [("x", xgboost_classifier(n_estimators=15)), ("l", lightgbm_classifier(n_estimators=15))],
                    final_estimator=LogisticRegression(),
                    cv=3,
                )
            ),
            needs=("xgboost", "lightgbm"),
        ),
    ]


def _derived_columns() -> list[Entry]:
    """Return entries with discriminant analysis, derived columns and imputers."""
    return [
        entry(
            "credit",
            "Yeo-Johnson → LinearDiscriminantAnalysis",
            lambda: make_pipeline(PowerTransformer(), LinearDiscriminantAnalysis()),
            columns=LOANS,
        ),
        entry(
            "credit",
            "LDA as a transformer → LogisticRegression",
            lambda: make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(n_components=1), LogisticRegression()),
            columns=LOANS,
        ),
        entry(
            "credit",
            "QuadraticDiscriminantAnalysis",
            lambda: make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis()),
            columns=LOANS,
        ),
        entry(
            "credit",
            "HistGradientBoosting with categories by name",
            lambda: HistGradientBoostingClassifier(max_iter=50, categorical_features=["status", "history", "purpose"]),
            prepare=to_category,
            columns=["status", "history", "purpose", *LOANS_WITH_MISSING],
        ),
        entry(
            "credit",
            "own function ratio_to_income → RandomForest",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("ratio", FunctionTransformer(ratio_to_income), ["amount", "income"])], remainder="passthrough"
                ),
                RandomForestClassifier(**FOREST),
            ),
            columns=LOANS,
        ),
        entry(
            "credit",
            "indicators of missing values → LogisticRegression",
            lambda: make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), LogisticRegression()
            ),
            columns=LOANS_WITH_MISSING,
        ),
        entry(
            "credit",
            "IterativeImputer → GradientBoosting",
            lambda: make_pipeline(
                IterativeImputer(max_iter=4, random_state=0), GradientBoostingClassifier(n_estimators=30)
            ),
            columns=LOANS_WITH_MISSING,
        ),
        entry(
            "credit",
            "quantiles behind sparse columns → LogisticRegression",
            lambda: make_pipeline(
                numbers_and_texts(),
                QuantileTransformer(n_quantiles=50, output_distribution="normal", ignore_implicit_zeros=True),
                LogisticRegression(max_iter=500),
            ),
        ),
        entry(
            "credit",
            "percent above a limit → LogisticRegression",
            lambda: make_pipeline(
                ColumnTransformer(
                    [("big", Binarizer(threshold=0.2), ["percent_income"]), ("num", RobustScaler(), LOANS)]
                ),
                LogisticRegression(),
            ),
            columns=["percent_income", *LOANS],
        ),
    ]


def _missing_values() -> list[Entry]:
    """Return entries whose numbers or texts have missing values."""
    return [
        entry(
            "credit",
            "texts with None, ordinal → RandomForest",
            lambda: make_pipeline(
                make_column_transformer(
                    (
                        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
                        ["savings", "status"],
                    ),
                    remainder="passthrough",
                ),
                RandomForestClassifier(**FOREST),
            ),
            columns=["savings", "status", *LOANS],
            prepare=text_as_none,
            missing_text=None,
        ),
        entry(
            "credit",
            "ExtraTrees with missing values",
            lambda: ExtraTreesClassifier(30, random_state=0),
            columns=LOANS_WITH_MISSING,
        ),
        entry(
            "credit",
            "GradientBoosting, nullable by hand",
            lambda: make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=30)),
            columns=LOANS,
            edit=all_nullable,
        ),
        entry(
            "credit",
            "forest behind one-hot, nullable by hand",
            lambda: usual(RandomForestClassifier(**FOREST), numbers=StandardScaler()),
            columns=[*LOANS, "status"],
            edit=all_nullable,
        ),
    ]


def _catboost_and_encoders() -> list[Entry]:
    """Return entries with CatBoost and encoders of other packages."""
    return [
        entry("credit", "CatBoost on numbers", lambda: catboost_classifier(), columns=LOANS, needs=("catboost",)),
        entry("credit", "CatBoost behind usual columns", lambda: usual(catboost_classifier()), needs=("catboost",)),
        entry(
            "credit",
            "CatBoost on texts",
            lambda: catboost_classifier(cat_features=["status", "purpose"]),
            columns=["status", "purpose", *LOANS],
            needs=("catboost",),
        ),
        entry(
            "credit",
            "category_encoders' TargetEncoder → LogisticRegression",
            lambda: make_pipeline(
                _encoder("TargetEncoder", cols=["status", "purpose"]), StandardScaler(), LogisticRegression()
            ),
            columns=["status", "purpose", *LOANS],
            needs=("category_encoders",),
        ),
        entry(
            "credit",
            "category_encoders' OrdinalEncoder → RandomForest",
            lambda: make_pipeline(
                _encoder("OrdinalEncoder", cols=["status", "purpose"]), RandomForestClassifier(**FOREST)
            ),
            columns=["status", "purpose", *LOANS],
            needs=("category_encoders",),
        ),
        entry(
            "credit",
            "feature_engine's imputers and encoder → LogisticRegression",
            lambda: make_pipeline(*_feature_engine(), StandardScaler(), LogisticRegression()),
            columns=["status", "savings", *LOANS_WITH_MISSING],
            needs=("feature_engine",),
        ),
    ]


def _xgboost_forest() -> object:
    from xgboost import XGBRFClassifier

    return XGBRFClassifier(n_estimators=30, max_depth=5)


def _encoder(kind: str, **options: object) -> object:
    return getattr(import_module("category_encoders"), kind)(**options)


def _feature_engine() -> list[object]:
    imputation = import_module("feature_engine.imputation")
    encoding = import_module("feature_engine.encoding")
    return [imputation.MeanMedianImputer(), imputation.CategoricalImputer(), encoding.OneHotEncoder()]
