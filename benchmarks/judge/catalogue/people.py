"""Adult incomes, loans, card payments and contracts: labels of two kinds, often rare, and many texts."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401 - they make other imports possible
from sklearn.feature_selection import SelectFromModel, SelectPercentile, f_classif
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.own_steps import ratio_to_income
from benchmarks.judge.catalogue.recipes import (
    entry,
    numbers_and_texts,
    ordinal_texts,
    text_as_none,
    to_category,
    usual,
    usual_texts,
)
from benchmarks.judge.entry import Entry, all_nullable, without_ranges

FOREST = {"n_estimators": 40, "max_depth": 8, "random_state": 1}
MONEY = ["age", "education.num", "capital.gain", "hours.per.week"]
LOANS = ["duration", "amount", "age", "income"]
HOLED_LOANS = [*LOANS, "rate", "emp_length"]


def incomes() -> list[Entry]:
    """Return the entries of adult."""

    def coded(model: object) -> Pipeline:
        return make_pipeline(
            ColumnTransformer(
                [("cat", ordinal_texts(), make_column_selector(dtype_exclude="number"))], remainder="passthrough"
            ),
            model,
        )

    return [
        entry("adult", "usual columns → LogisticRegression", lambda: usual(LogisticRegression(max_iter=1000))),
        entry(
            "adult",
            "usual columns → RandomForest, balanced",
            lambda: usual(RandomForestClassifier(**FOREST, class_weight="balanced")),
        ),
        entry("adult", "usual columns → GradientBoosting", lambda: usual(GradientBoostingClassifier(n_estimators=40))),
        entry(
            "adult",
            "integers for texts → HistGradientBoosting",
            lambda: coded(HistGradientBoostingClassifier(max_iter=50)),
        ),
        entry("adult", "integers for texts → DecisionTree", lambda: coded(DecisionTreeClassifier(max_depth=6))),
        entry(
            "adult",
            "integers for texts → KNeighbors(9)",
            lambda: make_pipeline(coded(MinMaxScaler()), KNeighborsClassifier(9)),
        ),
        entry(
            "adult",
            "integers only → KNeighbors(5, manhattan)",
            lambda: KNeighborsClassifier(5, metric="manhattan"),
            columns=["age", "education.num", "hours.per.week"],
        ),
        entry("adult", "integers only → GaussianNB", lambda: GaussianNB(), columns=MONEY),
        entry(
            "adult",
            "one-hot → BernoulliNB",
            lambda: make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number"))
                ),
                BernoulliNB(),
            ),
        ),
        entry(
            "adult",
            "one-hot and MinMax → ComplementNB",
            lambda: make_pipeline(
                numbers_and_texts(numbers=make_pipeline(SimpleImputer(), MinMaxScaler())), ComplementNB()
            ),
        ),
        entry(
            "adult",
            "question marks as missing by SimpleImputer(missing_values='?')",
            lambda: make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "cat",
                            make_pipeline(
                                SimpleImputer(missing_values="?", strategy="most_frequent"),
                                OneHotEncoder(handle_unknown="ignore"),
                            ),
                            ["workclass", "occupation"],
                        ),
                        ("num", StandardScaler(), MONEY),
                    ]
                ),
                LogisticRegression(max_iter=500),
            ),
            columns=[*MONEY, "workclass", "occupation"],
        ),
        entry("adult", "usual columns → SGD(hinge)", lambda: usual(SGDClassifier(random_state=0))),
        entry("adult", "usual columns → LinearSVC", lambda: usual(LinearSVC())),
        entry("adult", "usual columns → Perceptron", lambda: usual(Perceptron())),
        entry(
            "adult",
            "one-hot → TruncatedSVD → LogisticRegression",
            lambda: make_pipeline(
                numbers_and_texts(), TruncatedSVD(8, random_state=0), LogisticRegression(max_iter=500)
            ),
        ),
        entry(
            "adult",
            "one-hot → SVD → RandomForest",
            lambda: make_pipeline(
                numbers_and_texts(), TruncatedSVD(8, random_state=0), RandomForestClassifier(**FOREST)
            ),
        ),
        entry(
            "adult",
            "sparse columns → MaxAbsScaler → SelectPercentile → RidgeClassifier",
            lambda: make_pipeline(
                numbers_and_texts(), MaxAbsScaler(), SelectPercentile(f_classif, percentile=50), RidgeClassifier()
            ),
        ),
        entry(
            "adult",
            "sparse columns → Normalizer → LogisticRegression",
            lambda: make_pipeline(numbers_and_texts(), Normalizer(), LogisticRegression()),
        ),
        entry(
            "adult",
            "TargetEncoder → LogisticRegression",
            lambda: make_pipeline(
                make_column_transformer(
                    (TargetEncoder(random_state=0), ["occupation", "native.country"]), (StandardScaler(), MONEY)
                ),
                LogisticRegression(),
            ),
            columns=[*MONEY, "occupation", "native.country"],
        ),
        entry(
            "adult",
            "tuned threshold around LogisticRegression",
            lambda: TunedThresholdClassifierCV(usual(LogisticRegression(max_iter=500)), cv=3),
        ),
        entry(
            "adult",
            "halving search over RandomForest",
            lambda: HalvingGridSearchCV(
                coded(RandomForestClassifier(n_estimators=20, random_state=0)),
                {"randomforestclassifier__max_depth": [3, 5]},
                cv=3,
                random_state=0,
            ),
        ),
        entry(
            "adult",
            "Nystroem → LinearSVC",
            lambda: make_pipeline(StandardScaler(), Nystroem(n_components=30, random_state=0), LinearSVC()),
            columns=MONEY,
        ),
        entry(
            "adult",
            "RBFSampler → SGD(log)",
            lambda: make_pipeline(
                StandardScaler(),
                RBFSampler(n_components=50, random_state=0),
                SGDClassifier(loss="log_loss", random_state=0),
            ),
            columns=MONEY,
        ),
        entry(
            "adult",
            "XGBoost behind the usual columns",
            lambda: usual(_xgboost()),
            needs=("xgboost",),
            labels=lambda truth: (truth == ">50K").astype(int),
        ),
        entry("adult", "LightGBM on pandas categories", lambda: _lightgbm(), prepare=to_category, needs=("lightgbm",)),
        entry(
            "adult",
            "XGBoost on pandas categories",
            lambda: _xgboost(enable_categorical=True),
            prepare=to_category,
            needs=("xgboost",),
            labels=lambda truth: (truth == ">50K").astype(int),
        ),
    ]


def loans() -> list[Entry]:
    """Return the entries of credit."""
    return [
        entry(
            "credit", "usual columns → LogisticRegressionCV", lambda: usual(LogisticRegressionCV(cv=3, max_iter=500))
        ),
        entry("credit", "usual columns → RandomForest", lambda: usual(RandomForestClassifier(**FOREST))),
        entry("credit", "usual columns → XGBoost", lambda: usual(_xgboost(scale_pos_weight=3)), needs=("xgboost",)),
        entry("credit", "XGBoost with missing values", lambda: _xgboost(), columns=HOLED_LOANS, needs=("xgboost",)),
        entry(
            "credit",
            "XGBoost, missing=-999",
            lambda: make_pipeline(SimpleImputer(strategy="constant", fill_value=-999), _xgboost(missing=-999)),
            columns=HOLED_LOANS,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost, DART",
            lambda: _xgboost(booster="dart", rate_drop=0.1),
            columns=HOLED_LOANS,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "XGBoost, gblinear",
            lambda: make_pipeline(SimpleImputer(), StandardScaler(), _xgboost(booster="gblinear", max_depth=None)),
            columns=HOLED_LOANS,
            needs=("xgboost",),
        ),
        entry("credit", "XGBoost random forest", lambda: _xgboost_forest(), columns=HOLED_LOANS, needs=("xgboost",)),
        entry(
            "credit",
            "LightGBM, DART",
            lambda: _lightgbm(boosting_type="dart"),
            columns=HOLED_LOANS,
            needs=("lightgbm",),
        ),
        entry(
            "credit",
            "LightGBM behind usual columns, balanced",
            lambda: usual(_lightgbm(class_weight="balanced")),
            needs=("lightgbm",),
        ),
        entry(
            "credit",
            "Bagging of XGBoost",
            lambda: BaggingClassifier(_xgboost(n_estimators=10), 4, random_state=0),
            columns=HOLED_LOANS,
            needs=("xgboost",),
        ),
        entry(
            "credit",
            "stacking of XGBoost and LightGBM, LogisticRegression at the end",
            lambda: usual(
                StackingClassifier(
                    [("x", _xgboost(n_estimators=15)), ("l", _lightgbm(n_estimators=15))],
                    final_estimator=LogisticRegression(),
                    cv=3,
                )
            ),
            needs=("xgboost", "lightgbm"),
        ),
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
            columns=["status", "history", "purpose", *HOLED_LOANS],
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
            columns=HOLED_LOANS,
        ),
        entry(
            "credit",
            "IterativeImputer → GradientBoosting",
            lambda: make_pipeline(
                IterativeImputer(max_iter=4, random_state=0), GradientBoostingClassifier(n_estimators=30)
            ),
            columns=HOLED_LOANS,
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
            columns=HOLED_LOANS,
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
        entry("credit", "CatBoost on numbers", lambda: _catboost(), columns=LOANS, needs=("catboost",)),
        entry("credit", "CatBoost behind usual columns", lambda: usual(_catboost()), needs=("catboost",)),
        entry(
            "credit",
            "CatBoost on texts",
            lambda: _catboost(cat_features=["status", "purpose"]),
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
            columns=["status", "savings", *HOLED_LOANS],
            needs=("feature_engine",),
        ),
    ]


def payments() -> list[Entry]:
    """Return the entries of fraud."""
    components = ["V1", "V2", "V3", "V4"]
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
        entry("fraud", "KNeighbors(5) on components", lambda: KNeighborsClassifier(5), columns=components),
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
        entry("fraud", "XGBoost", lambda: _xgboost(scale_pos_weight=10), needs=("xgboost",)),
        entry("fraud", "LightGBM", lambda: _lightgbm(is_unbalance=True), needs=("lightgbm",)),
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
        entry(
            "fraud",
            "imblearn: SMOTE → LogisticRegression",
            lambda: _oversampled("SMOTE", StandardScaler(), LogisticRegression()),
            needs=("imblearn",),
        ),
        entry(
            "fraud",
            "imblearn: RandomUnderSampler → RandomForest",
            lambda: _oversampled("RandomUnderSampler", RandomForestClassifier(**FOREST)),
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


def contracts() -> list[Entry]:
    """Return the entries of telco."""
    charges = ["tenure", "MonthlyCharges", "TotalCharges"]
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
            lambda: usual(_xgboost()),
            needs=("xgboost",),
            labels=lambda truth: (truth == "Yes").astype(int),
        ),
        entry(
            "telco",
            "usual columns → LightGBM, grid search",
            lambda: GridSearchCV(usual(_lightgbm()), {"model__num_leaves": [7, 15]}, cv=3),
            needs=("lightgbm",),
        ),
        entry(
            "telco",
            "texts passed as they are, drop if binary → LogisticRegression",
            lambda: make_pipeline(
                make_column_transformer(
                    (
                        OneHotEncoder(drop="if_binary", sparse_output=False),
                        make_column_selector(dtype_exclude="number"),
                    ),
                    (SimpleImputer(strategy="mean"), charges),
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
            columns=[*charges, "SeniorCitizen"],
        ),
        entry("telco", "usual columns → KMeans distances → LogisticRegression", lambda: _clusters()),
        entry(
            "telco",
            "usual columns → ExtraTrees, polars-like integers",
            lambda: usual(ExtraTreesClassifier(30, random_state=0), texts=ordinal_texts()),
        ),
        entry(
            "telco", "CatBoost behind integers", lambda: usual(_catboost(), texts=ordinal_texts()), needs=("catboost",)
        ),
        entry(
            "telco",
            "imblearn: usual columns, RandomOverSampler → GradientBoosting",
            lambda: _oversampled("RandomOverSampler", numbers_and_texts(), GradientBoostingClassifier(n_estimators=20)),
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


def _xgboost(**options: object) -> object:
    from xgboost import XGBClassifier

    return XGBClassifier(**{"n_estimators": 40, "max_depth": 4, "learning_rate": 0.2, **options})


def _xgboost_forest() -> object:
    from xgboost import XGBRFClassifier

    return XGBRFClassifier(n_estimators=30, max_depth=5)


def _lightgbm(**options: object) -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**{"n_estimators": 40, "num_leaves": 15, "verbose": -1, **options})


def _catboost(**options: object) -> object:
    return import_module("catboost").CatBoostClassifier(
        iterations=40, depth=4, verbose=False, allow_writing_files=False, **options
    )


def _encoder(kind: str, **options: object) -> object:
    return getattr(import_module("category_encoders"), kind)(**options)


def _feature_engine() -> list[object]:
    imputation = import_module("feature_engine.imputation")
    encoding = import_module("feature_engine.encoding")
    return [imputation.MeanMedianImputer(), imputation.CategoricalImputer(), encoding.OneHotEncoder()]


def _oversampled(sampler: str, *steps: object) -> object:
    over, under = import_module("imblearn.over_sampling"), import_module("imblearn.under_sampling")
    kind = getattr(over, sampler, None) or getattr(under, sampler)
    *before, model = steps
    return import_module("imblearn.pipeline").make_pipeline(*before, kind(random_state=0), model)


def _balanced_forest() -> object:
    return import_module("imblearn.ensemble").BalancedRandomForestClassifier(n_estimators=30, random_state=0)
