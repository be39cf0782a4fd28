"""Telephone contracts: customers who leave, and many texts."""

from __future__ import annotations

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.classifier_recipes import (
    FOREST,
    catboost_classifier,
    lightgbm_classifier,
    sampled_pipeline,
    xgboost_classifier,
)
from benchmarks.judge.catalogue.recipes import entry, numbers_and_texts, ordinal_texts, usual, usual_texts
from benchmarks.judge.entry import Entry

CHARGES = ["tenure", "MonthlyCharges", "TotalCharges"]


def contracts() -> list[Entry]:
    """Return the entries of telco."""
    return [
        *_usual_models(),
        *_other_columns_and_boosters(),
    ]


def _usual_models() -> list[Entry]:
    """Return entries with one model after the usual columns."""
    return [
        entry("telco", "usual columns → LogisticRegression", lambda: usual(LogisticRegression(max_iter=500))),
        entry("telco", "usual columns → RandomForest", lambda: usual(RandomForestClassifier(**FOREST))),
        entry(
            "telco",
            "usual columns, MinMax → KNeighbors(11)",
            lambda: usual(KNeighborsClassifier(11), numbers=make_pipeline(SimpleImputer(), MinMaxScaler())),
        ),
        entry(
            "telco",
            "usual columns → GradientBoosting",
            lambda: usual(GradientBoostingClassifier(n_estimators=50, subsample=0.8, random_state=0)),
        ),
        entry("telco", "usual columns → AdaBoost", lambda: usual(AdaBoostClassifier(n_estimators=25, random_state=0))),
        entry(
            "telco",
            "usual columns → XGBoost",
            lambda: usual(xgboost_classifier()),
            needs=("xgboost",),
            labels=lambda truth: (truth == "Yes").astype(int),
        ),
        entry(
            "telco",
            "usual columns → LightGBM, grid search",
            lambda: GridSearchCV(usual(lightgbm_classifier()), {"model__num_leaves": [7, 15]}, cv=3),
            needs=("lightgbm",),
        ),
    ]


def _other_columns_and_boosters() -> list[Entry]:
    """Return entries with other columns, clusters, searches and boosters."""
    return [
        entry(
            "telco",
            "texts passed as they are, drop if binary → LogisticRegression",
            lambda: make_pipeline(
                make_column_transformer(
                    (
                        OneHotEncoder(drop="if_binary", sparse_output=False),
                        make_column_selector(dtype_exclude="number"),
                    ),
                    (SimpleImputer(strategy="mean"), CHARGES),
                    remainder="passthrough",
                ),
                LogisticRegression(max_iter=2000),
            ),
        ),
        entry("telco", "usual columns → SVC(rbf)", lambda: usual(SVC())),
        entry(
            "telco",
            "usual columns → stacking, LogisticRegression",
            lambda: usual(
                StackingClassifier(
                    [
                        ("f", RandomForestClassifier(**FOREST)),
                        ("g", GradientBoostingClassifier(n_estimators=20)),
                        ("k", KNeighborsClassifier(9)),
                    ],
                    final_estimator=LogisticRegression(),
                    cv=3,
                )
            ),
        ),
        entry(
            "telco",
            "usual columns → voting, hard, of five",
            lambda: usual(
                VotingClassifier(
                    [
                        ("l", LogisticRegression(max_iter=500)),
                        ("f", RandomForestClassifier(**FOREST)),
                        ("s", SVC()),
                        ("k", KNeighborsClassifier(7)),
                        ("t", DecisionTreeClassifier(max_depth=4)),
                    ]
                )
            ),
        ),
        entry(
            "telco",
            "numbers only, missing total → HistGradientBoosting",
            lambda: HistGradientBoostingClassifier(max_iter=50),
            columns=[*CHARGES, "SeniorCitizen"],
        ),
        entry("telco", "usual columns → KMeans distances → LogisticRegression", lambda: _clusters()),
        entry(
            "telco",
            "usual columns → ExtraTrees, polars-like integers",
            lambda: usual(ExtraTreesClassifier(30, random_state=0), texts=ordinal_texts()),
        ),
        entry(
            "telco",
            "CatBoost behind integers",
            lambda: usual(catboost_classifier(), texts=ordinal_texts()),
            needs=("catboost",),
        ),
        entry(
            "telco",
            "imblearn: usual columns, RandomOverSampler → GradientBoosting",
            lambda: sampled_pipeline(
                "RandomOverSampler", numbers_and_texts(), GradientBoostingClassifier(n_estimators=20)
            ),
            needs=("imblearn",),
        ),
    ]


def _clusters() -> Pipeline:
    from sklearn.cluster import KMeans

    return make_pipeline(
        numbers_and_texts(texts=usual_texts(sparse_output=False)),
        KMeans(5, n_init=3, random_state=0),
        LogisticRegression(max_iter=500),
    )
