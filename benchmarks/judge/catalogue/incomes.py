"""Adult incomes: two labels and many texts."""

from __future__ import annotations

from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it makes another import possible
from sklearn.feature_selection import SelectPercentile, f_classif
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.model_selection import HalvingGridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.judge.catalogue.classifier_recipes import FOREST, lightgbm_classifier, xgboost_classifier
from benchmarks.judge.catalogue.recipes import entry, numbers_and_texts, ordinal_texts, to_category, usual
from benchmarks.judge.entry import Entry

MONEY = ["age", "education.num", "capital.gain", "hours.per.week"]


def _coded_texts(model: object) -> Pipeline:
    return make_pipeline(
        ColumnTransformer(
            [("cat", ordinal_texts(), make_column_selector(dtype_exclude="number"))], remainder="passthrough"
        ),
        model,
    )


def incomes() -> list[Entry]:
    """Return the entries of adult."""
    return [
        *_models(),
        *_sparse_columns(),
        *_searches_and_boosters(),
    ]


def _models() -> list[Entry]:
    """Return entries with one model after the usual columns, integers or one-hot columns."""
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
            lambda: _coded_texts(HistGradientBoostingClassifier(max_iter=50)),
        ),
        entry("adult", "integers for texts → DecisionTree", lambda: _coded_texts(DecisionTreeClassifier(max_depth=6))),
        entry(
            "adult",
            "integers for texts → KNeighbors(9)",
            lambda: make_pipeline(_coded_texts(MinMaxScaler()), KNeighborsClassifier(9)),
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
    ]


def _sparse_columns() -> list[Entry]:
    """Return entries with linear models and projections of sparse columns."""
    return [
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
    ]


def _searches_and_boosters() -> list[Entry]:
    """Return entries with searches, kernel approximations, XGBoost and LightGBM."""
    return [
        entry(
            "adult",
            "tuned threshold around LogisticRegression",
            lambda: TunedThresholdClassifierCV(usual(LogisticRegression(max_iter=500)), cv=3),
        ),
        entry(
            "adult",
            "halving search over RandomForest",
            lambda: HalvingGridSearchCV(
                _coded_texts(RandomForestClassifier(n_estimators=20, random_state=0)),
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
            lambda: usual(xgboost_classifier()),
            needs=("xgboost",),
            labels=lambda truth: (truth == ">50K").astype(int),
        ),
        entry(
            "adult",
            "LightGBM on pandas categories",
            lambda: lightgbm_classifier(),
            prepare=to_category,
            needs=("lightgbm",),
        ),
        entry(
            "adult",
            "XGBoost on pandas categories",
            lambda: xgboost_classifier(enable_categorical=True),
            prepare=to_category,
            needs=("xgboost",),
            labels=lambda truth: (truth == ">50K").astype(int),
        ),
    ]
