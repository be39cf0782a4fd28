"""Less common members: the other classes that the export converts, each once after a StandardScaler."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    RandomTreesEmbedding,
)
from sklearn.feature_selection import RFE, SelectPercentile, VarianceThreshold, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    GammaRegressor,
    HuberRegressor,
    LassoLars,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, Normalizer, SplineTransformer, StandardScaler
from sklearn.svm import LinearSVR, NuSVC, NuSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from benchmarks.zoo.data import FIT_ROWS, PLAIN, Task
from benchmarks.zoo.estimators import FEW_ROWS, SEED
from benchmarks.zoo.member import Factory, Member

FAMILY = "others"
CLASSES: tuple[Task, ...] = ("binary", "classes")


def less_common_members() -> list[Member]:
    """Return the members of this file."""
    return [*_regressors(), *_classifiers(), *_transformers()]


def _after_scaler(tasks: Sequence[Task], label: str, estimator: Factory, fit_rows: int = FIT_ROWS) -> list[Member]:
    """Return members of an estimator after a StandardScaler, one for each task."""
    build = partial(_pipeline_after_scaler, estimator)
    return [Member(f"StandardScaler → {label}", FAMILY, task, build, PLAIN, fit_rows) for task in tasks]


def _pipeline_after_scaler(estimator: Factory) -> object:
    return make_pipeline(StandardScaler(), estimator())


def _regressors() -> list[Member]:
    tree = partial(DecisionTreeRegressor, max_depth=6, random_state=SEED)
    members = []
    for label, estimator in (
        ("BayesianRidge", BayesianRidge),
        ("HuberRegressor", HuberRegressor),
        ("LassoLars", partial(LassoLars, 0.01)),
        ("SGDRegressor", partial(SGDRegressor, random_state=SEED)),
        ("QuantileRegressor", partial(QuantileRegressor, alpha=0.0)),
        ("PoissonRegressor", PoissonRegressor),
        ("GammaRegressor", GammaRegressor),
        ("LinearSVR", partial(LinearSVR, random_state=SEED)),
        ("ExtraTreeRegressor", partial(ExtraTreeRegressor, random_state=SEED)),
        ("BaggingRegressor", lambda: BaggingRegressor(tree(), random_state=SEED)),
        ("AdaBoostRegressor", lambda: AdaBoostRegressor(tree(), n_estimators=20, random_state=SEED)),
        ("GridSearchCV of a tree", lambda: GridSearchCV(tree(), {"max_depth": [3, 5]}, cv=3)),
    ):
        members += _after_scaler(("regression",), label, estimator)
    for label, estimator in (
        ("NuSVR", NuSVR),
        ("KernelRidge", partial(KernelRidge, kernel="rbf", gamma=0.1)),
        ("GaussianProcessRegressor", partial(GaussianProcessRegressor, alpha=1.0, random_state=SEED)),
    ):
        members += _after_scaler(("regression",), label, estimator, FEW_ROWS)
    return members


def _classifiers() -> list[Member]:
    tree = partial(DecisionTreeClassifier, max_depth=4, random_state=SEED)
    members = []
    for label, estimator in (
        ("RidgeClassifier", RidgeClassifier),
        ("SGDClassifier log_loss", partial(SGDClassifier, loss="log_loss", random_state=SEED)),
        ("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis),
        ("QuadraticDiscriminantAnalysis", QuadraticDiscriminantAnalysis),
        ("GaussianNB", GaussianNB),
        ("BaggingClassifier", lambda: BaggingClassifier(tree(), random_state=SEED)),
        ("AdaBoostClassifier", lambda: AdaBoostClassifier(tree(), n_estimators=20, random_state=SEED)),
    ):
        members += _after_scaler(CLASSES, label, estimator)
    members += _after_scaler(CLASSES, "NuSVC", partial(NuSVC, nu=0.3), FEW_ROWS)
    members += _after_scaler(
        ("binary",), "GaussianProcessClassifier", partial(GaussianProcessClassifier, random_state=SEED), FEW_ROWS
    )
    members += _after_scaler(("classes",), "OneVsRestClassifier", lambda: OneVsRestClassifier(LogisticRegression()))
    members += _after_scaler(("classes",), "OneVsOneClassifier", lambda: OneVsOneClassifier(LogisticRegression()))
    members += _after_scaler(
        ("binary",), "FixedThresholdClassifier", lambda: FixedThresholdClassifier(LogisticRegression(), threshold=0.3)
    )
    members += _after_scaler(
        ("classes",),
        "CalibratedClassifierCV temperature",
        lambda: CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3),
    )
    return members


def _transformers() -> list[Member]:
    tree = partial(DecisionTreeClassifier, max_depth=6, random_state=SEED)
    members = []
    for label, step in (
        ("Binarizer", Binarizer),
        ("Normalizer max", partial(Normalizer, norm="max")),
        ("TruncatedSVD", partial(TruncatedSVD, 4, random_state=SEED)),
        ("RFE", lambda: RFE(tree(), n_features_to_select=4)),
        ("SelectPercentile", partial(SelectPercentile, f_classif, percentile=50)),
        ("VarianceThreshold", VarianceThreshold),
        ("SplineTransformer", SplineTransformer),
    ):
        members += _after_scaler(("binary",), f"{label} → DecisionTreeClassifier", partial(_step_before, step, tree))
    for label, step in (
        ("Nystroem", partial(Nystroem, n_components=50, random_state=SEED)),
        ("RBFSampler", partial(RBFSampler, random_state=SEED)),
        ("RandomTreesEmbedding", partial(RandomTreesEmbedding, 20, random_state=SEED)),
        ("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis),
    ):
        members += _after_scaler(
            ("classes",),
            f"{label} → LogisticRegression",
            partial(_step_before, step, partial(LogisticRegression, max_iter=1000)),
        )
    members += _after_scaler(
        ("binary",),
        "KernelPCA → DecisionTreeClassifier",
        partial(_step_before, partial(KernelPCA, 3, kernel="rbf", gamma=0.1), tree),
        FEW_ROWS,
    )
    return members


def _step_before(step: Factory, estimator: Factory) -> object:
    return make_pipeline(step(), estimator())
