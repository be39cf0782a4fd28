"""Card payments: rare frauds and principal components."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.classifier_recipes import (
    FOREST,
    lightgbm_classifier,
    sampled_pipeline,
    xgboost_classifier,
)
from benchmarks.judge.catalogue.recipes import entry
from benchmarks.judge.entry import Entry, without_ranges

COMPONENTS = ["V1", "V2", "V3", "V4"]


def payments() -> list[Entry]:
    """Return the entries of fraud."""
    return [
        *_classifiers(),
        *_outlier_detectors(),
        *_samplers_and_ensembles(),
    ]


def _classifiers() -> list[Entry]:
    """Return entries with one classifier."""
    return [
        entry(
            "fraud",
            "RobustScaler of amount and time → LogisticRegression, balanced",
            lambda: make_pipeline(
                ColumnTransformer([("s", RobustScaler(), ["Amount", "Time"])], remainder="passthrough"),
                LogisticRegression(class_weight="balanced"),
            ),
        ),
        entry(
            "fraud",
            "RandomForest, balanced subsamples",
            lambda: RandomForestClassifier(n_estimators=40, class_weight="balanced_subsample", random_state=0),
        ),
        entry(
            "fraud", "StandardScaler → KNeighbors(3)", lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(3))
        ),
        entry("fraud", "KNeighbors(5) on components", lambda: KNeighborsClassifier(5), columns=COMPONENTS),
        entry(
            "fraud",
            "StandardScaler → SVC, balanced",
            lambda: make_pipeline(StandardScaler(), SVC(class_weight="balanced")),
        ),
        entry(
            "fraud",
            "StandardScaler → MLP",
            lambda: make_pipeline(StandardScaler(), MLPClassifier((12,), max_iter=150, random_state=0)),
        ),
        entry(
            "fraud",
            "DecisionTree, raw, ranges removed by hand",
            lambda: DecisionTreeClassifier(max_depth=6),
            edit=without_ranges,
        ),
        entry(
            "fraud",
            "GradientBoosting, ranges removed by hand",
            lambda: make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=30)),
            edit=without_ranges,
        ),
        entry(
            "fraud",
            "LogisticRegression, ranges removed by hand",
            lambda: make_pipeline(StandardScaler(), LogisticRegression()),
            edit=without_ranges,
        ),
        entry(
            "fraud",
            "log1p of the amount → RandomForest",
            lambda: make_pipeline(
                ColumnTransformer([("log", FunctionTransformer(np.log1p), ["Amount"])], remainder="passthrough"),
                RandomForestClassifier(**FOREST),
            ),
        ),
        entry("fraud", "PCA → GaussianNB", lambda: make_pipeline(StandardScaler(), PCA(4), GaussianNB())),
        entry(
            "fraud",
            "PCA → RandomForest",
            lambda: make_pipeline(StandardScaler(), PCA(4), RandomForestClassifier(**FOREST)),
        ),
        entry("fraud", "XGBoost", lambda: xgboost_classifier(scale_pos_weight=10), needs=("xgboost",)),
        entry("fraud", "LightGBM", lambda: lightgbm_classifier(is_unbalance=True), needs=("lightgbm",)),
    ]


def _outlier_detectors() -> list[Entry]:
    """Return entries with outlier detectors."""
    return [
        entry(
            "fraud",
            "IsolationForest",
            lambda: IsolationForest(n_estimators=40, contamination=0.05, random_state=0),
            target=None,
        ),
        entry(
            "fraud",
            "StandardScaler → IsolationForest",
            lambda: make_pipeline(StandardScaler(), IsolationForest(n_estimators=30, random_state=0)),
            target=None,
        ),
        entry(
            "fraud",
            "StandardScaler → OneClassSVM",
            lambda: make_pipeline(StandardScaler(), OneClassSVM(nu=0.05)),
            target=None,
        ),
        entry(
            "fraud",
            "StandardScaler → LocalOutlierFactor",
            lambda: make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True)),
            target=None,
        ),
    ]


def _samplers_and_ensembles() -> list[Entry]:
    """Return entries with imbalanced-learn, an array without names, voting and a selection."""
    return [
        entry(
            "fraud",
            "imblearn: SMOTE → LogisticRegression",
            lambda: sampled_pipeline("SMOTE", StandardScaler(), LogisticRegression()),
            needs=("imblearn",),
        ),
        entry(
            "fraud",
            "imblearn: RandomUnderSampler → RandomForest",
            lambda: sampled_pipeline("RandomUnderSampler", RandomForestClassifier(**FOREST)),
            needs=("imblearn",),
        ),
        entry("fraud", "imblearn: BalancedRandomForest", lambda: _balanced_forest(), needs=("imblearn",)),
        entry(
            "fraud",
            "on an array, without names → LogisticRegression",
            lambda: make_pipeline(StandardScaler(), LogisticRegression()),
            header=False,
        ),
        entry(
            "fraud",
            "voting of a forest and LogisticRegression, weights",
            lambda: make_pipeline(
                StandardScaler(),
                VotingClassifier(
                    [("f", RandomForestClassifier(**FOREST)), ("l", LogisticRegression())],
                    voting="soft",
                    weights=[2, 1],
                ),
            ),
        ),
        entry(
            "fraud",
            "selection by L1 → SVC",
            lambda: make_pipeline(
                StandardScaler(), SelectFromModel(LinearSVC(C=0.05, penalty="l1", dual=False)), SVC()
            ),
        ),
    ]


def _balanced_forest() -> object:
    return import_module("imblearn.ensemble").BalancedRandomForestClassifier(n_estimators=30, random_state=0)
