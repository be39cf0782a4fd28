"""Members that are met less often: the other classes that the export knows, each once behind a StandardScaler."""

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
from benchmarks.zoo.estimators import FEW, SEED
from benchmarks.zoo.member import Factory, Member

FAMILY = "others"
CLASSES: tuple[Task, ...] = ("binary", "classes")


def others() -> list[Member]:
    """Return the members of this file."""
    return [*_regressors(), *_classifiers(), *_transformers()]


def _scaled(tasks: Sequence[Task], label: str, estimator: Factory, fit_rows: int = FIT_ROWS) -> list[Member]:
    """Return a step, or steps, and an estimator at their end, behind a StandardScaler."""
    build = partial(_behind_scaler, estimator)
    return [Member(f"StandardScaler → {label}", FAMILY, task, build, PLAIN, fit_rows) for task in tasks]


def _behind_scaler(estimator: Factory) -> object:
    return make_pipeline(StandardScaler(), estimator())


def _regressors() -> list[Member]:
    tree = partial(DecisionTreeRegressor, max_depth=6, random_state=SEED)
    made = []
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
        made += _scaled(("regression",), label, estimator)
    for label, estimator in (
        ("NuSVR", NuSVR),
        ("KernelRidge", partial(KernelRidge, kernel="rbf", gamma=0.1)),
        ("GaussianProcessRegressor", partial(GaussianProcessRegressor, alpha=1.0, random_state=SEED)),
    ):
        made += _scaled(("regression",), label, estimator, FEW)
    return made


def _classifiers() -> list[Member]:
    tree = partial(DecisionTreeClassifier, max_depth=4, random_state=SEED)
    made = []
    for label, estimator in (
        ("RidgeClassifier", RidgeClassifier),
        ("SGDClassifier log_loss", partial(SGDClassifier, loss="log_loss", random_state=SEED)),
        ("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis),
        ("QuadraticDiscriminantAnalysis", QuadraticDiscriminantAnalysis),
        ("GaussianNB", GaussianNB),
        ("BaggingClassifier", lambda: BaggingClassifier(tree(), random_state=SEED)),
        ("AdaBoostClassifier", lambda: AdaBoostClassifier(tree(), n_estimators=20, random_state=SEED)),
    ):
        made += _scaled(CLASSES, label, estimator)
    made += _scaled(CLASSES, "NuSVC", partial(NuSVC, nu=0.3), FEW)
    made += _scaled(
        ("binary",), "GaussianProcessClassifier", partial(GaussianProcessClassifier, random_state=SEED), FEW
    )
    made += _scaled(("classes",), "OneVsRestClassifier", lambda: OneVsRestClassifier(LogisticRegression()))
    made += _scaled(("classes",), "OneVsOneClassifier", lambda: OneVsOneClassifier(LogisticRegression()))
    made += _scaled(
        ("binary",), "FixedThresholdClassifier", lambda: FixedThresholdClassifier(LogisticRegression(), threshold=0.3)
    )
    made += _scaled(
        ("classes",),
        "CalibratedClassifierCV temperature",
        lambda: CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3),
    )
    return made


def _transformers() -> list[Member]:
    tree = partial(DecisionTreeClassifier, max_depth=6, random_state=SEED)
    made = []
    for label, step in (
        ("Binarizer", Binarizer),
        ("Normalizer max", partial(Normalizer, norm="max")),
        ("TruncatedSVD", partial(TruncatedSVD, 4, random_state=SEED)),
        ("RFE", lambda: RFE(tree(), n_features_to_select=4)),
        ("SelectPercentile", partial(SelectPercentile, f_classif, percentile=50)),
        ("VarianceThreshold", VarianceThreshold),
        ("SplineTransformer", SplineTransformer),
    ):
        made += _scaled(("binary",), f"{label} → DecisionTreeClassifier", partial(_before, step, tree))
    for label, step in (
        ("Nystroem", partial(Nystroem, n_components=50, random_state=SEED)),
        ("RBFSampler", partial(RBFSampler, random_state=SEED)),
        ("RandomTreesEmbedding", partial(RandomTreesEmbedding, 20, random_state=SEED)),
        ("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis),
    ):
        made += _scaled(
            ("classes",),
            f"{label} → LogisticRegression",
            partial(_before, step, partial(LogisticRegression, max_iter=1000)),
        )
    made += _scaled(
        ("binary",),
        "KernelPCA → DecisionTreeClassifier",
        partial(_before, partial(KernelPCA, 3, kernel="rbf", gamma=0.1), tree),
        FEW,
    )
    return made


def _before(step: Factory, estimator: Factory) -> object:
    return make_pipeline(step(), estimator())
