"""Titanic: the survival of passengers."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest, chi2, mutual_info_classif
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.own_steps import ColumnSelector, FamilyFeatures, GroupMedian
from benchmarks.judge.catalogue.recipes import (
    entry,
    numbers_and_texts,
    ordinal_texts,
    text_as_none,
    usual,
    usual_numbers,
    usual_texts,
)
from benchmarks.judge.entry import Entry, all_nullable, without_ranges

NUMBERS = ["Age", "Fare", "SibSp", "Parch"]
CATEGORIES = ["Sex", "Embarked", "Pclass"]
BASE = [*NUMBERS, *CATEGORIES]


def _columns() -> ColumnTransformer:
    """Return numbers and categories by name; the passenger class is an integer category."""
    return ColumnTransformer([("num", usual_numbers(), NUMBERS), ("cat", usual_texts(), CATEGORIES)])


def _integers() -> ColumnTransformer:
    return make_column_transformer(
        (SimpleImputer(), ["Age", "Fare"]),
        (ordinal_texts(), ["Sex", "Embarked"]),
        remainder="passthrough",
    )


FOREST = {"n_estimators": 60, "max_depth": 6, "random_state": 1}


def _voting(kind: str) -> Pipeline:
    models = [
        ("lr", LogisticRegression(max_iter=1000)),
        ("rf", RandomForestClassifier(**FOREST)),
        ("gb", GradientBoostingClassifier(n_estimators=40, random_state=1)),
    ]
    return make_pipeline(_columns(), VotingClassifier(models, voting=kind))


def _stacking(final: object, **options: object) -> Pipeline:
    models = [
        ("rf", RandomForestClassifier(n_estimators=30, random_state=1)),
        ("knn", KNeighborsClassifier(15)),
        ("svc", SVC(random_state=1)),
    ]
    return make_pipeline(_columns(), StackingClassifier(models, final_estimator=final, cv=3, **options))


def passengers() -> list[Entry]:
    """Return the entries of Titanic."""
    return [
        *_single_models(),
        *_ensembles_and_searches(),
        *_imputers_and_own_classes(),
        *_missing_texts(),
        *_derived_columns(),
        *_edited_contracts(),
        *_boosters(),
    ]


def _single_models() -> list[Entry]:
    """Return entries with one model after the usual columns or integers."""
    return [
        entry(
            "titanic",
            "usual columns → LogisticRegression",
            lambda: make_pipeline(_columns(), LogisticRegression(max_iter=1000)),
            columns=BASE,
        ),
        entry("titanic", "usual columns by type → RandomForest", lambda: usual(RandomForestClassifier(**FOREST))),
        entry(
            "titanic",
            "usual columns → GradientBoosting",
            lambda: make_pipeline(_columns(), GradientBoostingClassifier(random_state=0)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "integers for texts → DecisionTree",
            lambda: make_pipeline(_integers(), DecisionTreeClassifier(max_depth=5)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "integers for texts → ExtraTrees",
            lambda: make_pipeline(_integers(), ExtraTreesClassifier(80, random_state=2)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "integers for texts → HistGradientBoosting",
            lambda: make_pipeline(_integers(), HistGradientBoostingClassifier(max_iter=60)),
            columns=BASE,
        ),
        entry(
            "titanic", "usual columns → SVC", lambda: make_pipeline(_columns(), SVC(C=2, gamma="scale")), columns=BASE
        ),
        entry(
            "titanic",
            "usual columns → SVC(probability=True)",
            lambda: make_pipeline(_columns(), SVC(probability=True, random_state=0)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → SVC(poly, coef0=1)",
            lambda: make_pipeline(_columns(), SVC(kernel="poly", coef0=1, degree=2)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → KNeighbors(5)",
            lambda: make_pipeline(_columns(), KNeighborsClassifier(5)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "MinMaxScaler → KNeighbors(3, distance)",
            lambda: make_pipeline(SimpleImputer(), MinMaxScaler(), KNeighborsClassifier(3, weights="distance")),
            columns=[*NUMBERS, "Pclass"],
        ),
        entry(
            "titanic",
            "usual columns → GaussianNB (dense)",
            lambda: make_pipeline(numbers_and_texts(texts=usual_texts(sparse_output=False)), GaussianNB()),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → MLP",
            lambda: make_pipeline(_columns(), MLPClassifier((16, 8), max_iter=200, random_state=3)),
            columns=BASE,
        ),
    ]


def _ensembles_and_searches() -> list[Entry]:
    """Return entries with voting, stacking, boosting, bagging and searches."""
    return [
        entry("titanic", "usual columns → soft voting", lambda: _voting("soft"), columns=BASE),
        entry("titanic", "usual columns → hard voting", lambda: _voting("hard"), columns=BASE),
        entry(
            "titanic",
            "usual columns → stacking, LogisticRegression",
            lambda: _stacking(LogisticRegression()),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → stacking, RandomForest",
            lambda: _stacking(RandomForestClassifier(30, random_state=0)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → AdaBoost",
            lambda: make_pipeline(_columns(), AdaBoostClassifier(n_estimators=30, random_state=0)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → Bagging of trees",
            lambda: make_pipeline(
                _columns(), BaggingClassifier(DecisionTreeClassifier(max_depth=5), 20, random_state=0)
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → Bagging of HistGradientBoosting",
            lambda: make_pipeline(
                _integers(), BaggingClassifier(HistGradientBoostingClassifier(max_iter=20), 5, random_state=0)
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "grid search over RandomForest",
            lambda: GridSearchCV(
                make_pipeline(_columns(), RandomForestClassifier(n_estimators=30, random_state=1)),
                {"randomforestclassifier__max_depth": [3, 6]},
                cv=3,
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "random search over LogisticRegression",
            lambda: RandomizedSearchCV(
                usual(LogisticRegression(max_iter=500)), {"model__C": [0.1, 1, 10]}, n_iter=2, cv=3, random_state=0
            ),
        ),
    ]


def _imputers_and_own_classes() -> list[Entry]:
    """Return entries with imputers, a logarithm, bins and classes of the owner."""
    return [
        entry(
            "titanic",
            "KNNImputer → RandomForest",
            lambda: make_pipeline(KNNImputer(n_neighbors=5), RandomForestClassifier(**FOREST)),
            columns=[*NUMBERS, "Pclass"],
        ),
        entry(
            "titanic",
            "KNNImputer → LogisticRegression",
            lambda: make_pipeline(KNNImputer(n_neighbors=5), StandardScaler(), LogisticRegression()),
            columns=[*NUMBERS, "Pclass"],
        ),
        entry(
            "titanic",
            "log1p of the fare → LogisticRegression",
            lambda: make_pipeline(
                make_column_transformer(
                    (FunctionTransformer(np.log1p), ["Fare"]),
                    (SimpleImputer(), ["Age"]),
                    (OneHotEncoder(drop="if_binary"), ["Sex"]),
                ),
                LogisticRegression(),
            ),
            columns=["Fare", "Age", "Sex"],
        ),
        entry(
            "titanic",
            "ages in bins → LogisticRegression",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        ("bins", make_pipeline(SimpleImputer(strategy="median"), KBinsDiscretizer(5)), ["Age", "Fare"]),
                        ("cat", usual_texts(), CATEGORIES),
                    ]
                ),
                LogisticRegression(max_iter=500),
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "own class FamilyFeatures → LogisticRegression",
            lambda: make_pipeline(FamilyFeatures(), usual(LogisticRegression(max_iter=500))),
            columns=BASE,
        ),
        entry(
            "titanic",
            "own class ColumnSelector in a FeatureUnion → RandomForest",
            lambda: make_pipeline(
                FeatureUnion(
                    [
                        ("num", make_pipeline(ColumnSelector(NUMBERS), SimpleImputer())),
                        ("cat", make_pipeline(ColumnSelector(["Sex", "Embarked"]), usual_texts())),
                    ]
                ),
                RandomForestClassifier(**FOREST),
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "own class GroupMedian → GradientBoosting",
            lambda: make_pipeline(GroupMedian("Pclass", "Age"), GradientBoostingClassifier(n_estimators=40)),
            columns=["Pclass", "Age", "Fare"],
        ),
    ]


def _missing_texts() -> list[Entry]:
    """Return entries whose texts have missing values, as NaN or None."""
    return [
        entry(
            "titanic",
            "deck letters mostly missing → HistGradientBoosting",
            lambda: make_pipeline(
                make_column_transformer(
                    (
                        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
                        make_column_selector(dtype_exclude="number"),
                    ),
                    remainder="passthrough",
                ),
                HistGradientBoostingClassifier(max_iter=60),
            ),
        ),
        entry(
            "titanic",
            "texts with None → one-hot → LogisticRegression",
            lambda: make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(handle_unknown="ignore"), ["Sex", "Embarked", "Deck"]),
                    (SimpleImputer(), ["Age", "Fare"]),
                ),
                LogisticRegression(max_iter=500),
            ),
            columns=["Sex", "Embarked", "Deck", "Age", "Fare"],
            prepare=text_as_none,
            missing_text=None,
        ),
        entry(
            "titanic",
            "texts with NaN → one-hot → RandomForest",
            lambda: make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(handle_unknown="ignore"), ["Sex", "Embarked", "Deck"]),
                    (SimpleImputer(), ["Age", "Fare"]),
                ),
                RandomForestClassifier(**FOREST),
            ),
            columns=["Sex", "Embarked", "Deck", "Age", "Fare"],
        ),
    ]


def _derived_columns() -> list[Entry]:
    """Return entries with selected, projected and polynomial columns, and a calibrated model."""
    return [
        entry(
            "titanic",
            "chi2 selection → LogisticRegression",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        ("num", make_pipeline(SimpleImputer(), MinMaxScaler()), NUMBERS),
                        ("cat", usual_texts(), CATEGORIES),
                    ]
                ),
                SelectKBest(chi2, k=6),
                LogisticRegression(),
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "usual columns → PCA → KNeighbors",
            lambda: make_pipeline(
                numbers_and_texts(texts=usual_texts(sparse_output=False)), PCA(5), KNeighborsClassifier(7)
            ),
            columns=BASE,
        ),
        entry(
            "titanic",
            "polynomial numbers → SGDClassifier",
            lambda: make_pipeline(
                SimpleImputer(), PolynomialFeatures(2), StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)
            ),
            columns=NUMBERS,
        ),
        entry(
            "titanic",
            "calibrated LinearSVC",
            lambda: make_pipeline(_columns(), CalibratedClassifierCV(LinearSVC(), cv=3)),
            columns=BASE,
        ),
        entry(
            "titanic",
            "mutual information → RandomForest",
            lambda: make_pipeline(_integers(), SelectKBest(mutual_info_classif, k=4), RandomForestClassifier(**FOREST)),
            columns=BASE,
        ),
    ]


def _edited_contracts() -> list[Entry]:
    """Return entries whose contract a user edits after the import."""
    return [
        entry(
            "titanic",
            "GradientBoosting on numbers, nullable by hand",
            lambda: GradientBoostingClassifier(n_estimators=40, random_state=0),
            columns=["Pclass", "Fare", "SibSp"],
            edit=all_nullable,
        ),
        entry(
            "titanic",
            "RandomForest on numbers, ranges removed by hand",
            lambda: RandomForestClassifier(**FOREST),
            columns=["Pclass", "Fare", "SibSp"],
            edit=without_ranges,
        ),
    ]


def _boosters() -> list[Entry]:
    """Return entries with XGBoost and LightGBM."""
    return [
        entry(
            "titanic",
            "XGBoost behind usual columns",
            lambda: make_pipeline(_columns(), _xgboost()),
            columns=BASE,
            needs=("xgboost",),
        ),
        entry(
            "titanic",
            "LightGBM behind usual columns",
            lambda: make_pipeline(_columns(), _lightgbm()),
            columns=BASE,
            needs=("lightgbm",),
        ),
        entry(
            "titanic",
            "voting of XGBoost, LightGBM and a forest",
            lambda: make_pipeline(
                _columns(),
                VotingClassifier(
                    [("x", _xgboost()), ("l", _lightgbm()), ("f", RandomForestClassifier(**FOREST))], voting="soft"
                ),
            ),
            columns=BASE,
            needs=("xgboost", "lightgbm"),
        ),
    ]


def _xgboost() -> object:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=40, max_depth=4, learning_rate=0.1)


def _lightgbm() -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=40, num_leaves=15, verbose=-1)
