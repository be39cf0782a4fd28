"""Linear models: the same sums, the same labels, the same probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.multioutput import RegressorChain
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVC

from tabento.bundle.contract import Contract
from tabento.export import ExportError, export_pipeline
from tabento.export.registry import REGRESSORS
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table, target, write
from tests.tabento.export.outlier_rows import prove_detector

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = table()
NUMBERS = target(ROWS)

REGRESSORS_OF_ONE = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    LinearRegression(positive=True),
    Ridge(),
    RidgeCV(),
    Lasso(alpha=0.01),
    LassoCV(alphas=3, cv=3),
    ElasticNet(alpha=0.01),
    ElasticNetCV(alphas=3, cv=3),
    Lars(),
    LarsCV(cv=3),
    LassoLars(alpha=0.01),
    LassoLarsCV(cv=3),
    LassoLarsIC(),
    OrthogonalMatchingPursuit(),
    OrthogonalMatchingPursuitCV(cv=3),
    BayesianRidge(),
    ARDRegression(),
    HuberRegressor(),
    TheilSenRegressor(max_subpopulation=100, random_state=0),
    QuantileRegressor(alpha=0.01),
    SGDRegressor(random_state=0, max_iter=50),
]


@pytest.mark.parametrize("model", REGRESSORS_OF_ONE, ids=lambda model: type(model).__name__)
def test_regressor_of_one_target(model: Any) -> None:
    """Each linear regressor has scikit-learn's answers, also for distant rows."""
    model.fit(ROWS[:300], NUMBERS[:300])
    check(model, np.vstack([ROWS, 1e6 * ROWS[:10], 1e-300 * ROWS[:10]]))


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(),
        RidgeCV(),
        Lars(),
        MultiTaskLasso(alpha=0.01),
        MultiTaskLassoCV(alphas=3, cv=3),
        MultiTaskElasticNet(alpha=0.01),
        MultiTaskElasticNetCV(alphas=3, cv=3),
        OrthogonalMatchingPursuit(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_regressor_of_several_targets(model: Any) -> None:
    """Several targets are adjacent columns."""
    targets = np.column_stack([NUMBERS, NUMBERS**2, -NUMBERS])[:300]
    model.fit(ROWS[:300], targets)
    assert check(model, ROWS)["values"].shape == (2000, 3)


@pytest.mark.parametrize(
    "model",
    [
        PoissonRegressor(),
        GammaRegressor(),
        TweedieRegressor(power=1.5),
        TweedieRegressor(power=0),
        TweedieRegressor(power=0, link="log"),
    ],
    ids=str,
)
def test_regressor_behind_a_link(model: Any) -> None:
    """The inverse link is the exponential or the identity."""
    model.fit(ROWS[:300], np.exp(NUMBERS[:300] / 3))
    check(model, ROWS)


BINARY = [np.array(["no", "yes"]), np.array([7, 3]), np.array([False, True])]
CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegressionCV(Cs=2, cv=2, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"),
    RidgeClassifier(),
    RidgeClassifierCV(),
    SGDClassifier(loss="log_loss", random_state=0),
    SGDClassifier(loss="modified_huber", random_state=0),
    SGDClassifier(random_state=0),
    Perceptron(random_state=0),
]


@pytest.mark.parametrize("names", BINARY, ids=["strings", "integers", "booleans"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifier_of_two_classes(model: Any, names: Any) -> None:
    """Label, decision and probabilities of two classes agree, for any kind of label."""
    model.fit(ROWS[:300], labels(ROWS, names)[:300])
    actual = check(model, np.vstack([ROWS, 1e5 * ROWS[:20]]))
    assert actual["decision"].shape == (2020, 1)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifier_of_many_classes(model: Any) -> None:
    """Label, decision and probabilities of four classes agree."""
    model.fit(ROWS[:300], labels(ROWS, ["a", "b", "c", "d"])[:300])
    check(model, np.vstack([ROWS, 1e5 * ROWS[:20]]))


@pytest.mark.filterwarnings("ignore:Class PassiveAggressive:FutureWarning")
def test_passive_aggressive() -> None:
    """The two deprecated models of scikit-learn convert as long as they exist."""
    check(PassiveAggressiveRegressor(random_state=0, max_iter=50).fit(ROWS[:300], NUMBERS[:300]), ROWS)
    check(PassiveAggressiveClassifier(random_state=0).fit(ROWS[:300], labels(ROWS, ["a", "b", "c"])[:300]), ROWS)


def test_sparse_coefficients() -> None:
    """A model with sparse coefficients converts."""
    model = LogisticRegression(solver="liblinear", l1_ratio=1.0).fit(ROWS[:300], labels(ROWS, [0, 1])[:300]).sparsify()
    check(model, ROWS)


def test_whole_export_answers_label_and_probabilities() -> None:
    """`export_pipeline` returns the label's index followed by the probabilities."""
    model = LogisticRegression().fit(ROWS, labels(ROWS, ["a", "b", "c"]))
    contract: Contract = number_contract(6, ("a", "b", "c"), probabilities=True)
    shape = export_pipeline(model, contract).graph.output[0].type.tensor_type.shape
    assert [axis.dim_value or axis.dim_param for axis in shape.dim] == ["N", 4]


def test_missing_probabilities_are_refused() -> None:
    """A contract with probabilities is refused for a classifier without them."""
    model = LinearSVC(random_state=0).fit(ROWS, labels(ROWS, [0, 1]))
    with pytest.raises(ExportError, match=r"LinearSVC gives no probabilities.*probabilities: false"):
        export_pipeline(model, number_contract(6, (0, 1), probabilities=True))


def test_float32_is_refused() -> None:
    """A model that was fitted on float32 is refused, because it computes in float32."""
    model = LinearRegression().fit(ROWS.astype(np.float32), NUMBERS.astype(np.float32))
    with pytest.raises(ExportError, match="fitted on float32 columns"):
        write(model, 6)


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        PLSRegression(),
        PoissonRegressor(),
        LogisticRegression(),
        RidgeClassifier(),
        SVR(),
        KNeighborsRegressor(),
        MLPRegressor(max_iter=5),
        GaussianNB(),
        BernoulliNB(),
        QuadraticDiscriminantAnalysis(),
        GaussianProcessRegressor(),
        KernelRidge(),
        AdaBoostRegressor(),
        RegressorChain(Ridge()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_missing_values_are_refused_where_the_model_raises_on_them(model: Any) -> None:
    """A contract with a missing column is refused without an imputer, if the model raises on it."""
    targets = np.column_stack([NUMBERS, NUMBERS])[:100]
    numbers = targets if isinstance(model, RegressorChain) else np.exp(NUMBERS[:100])
    classes = tuple(range(2)) if is_classifier(model) else None
    model.fit(ROWS[:100], (NUMBERS[:100] > 0).astype(int) if classes else numbers)
    contract = number_contract(6, classes)
    nullable = contract.features[2].model_copy(update={"nullable": True})
    contract = contract.model_copy(update={"features": (*contract.features[:2], nullable, *contract.features[3:])})
    with pytest.raises(ExportError, match=rf"{type(model).__name__} raises on a missing value.*x2"):
        export_pipeline(model, contract)


def test_other_number_of_columns_is_refused() -> None:
    """A model that was fitted on another number of columns is refused at export."""
    model = LinearRegression().fit(ROWS[:, :4], NUMBERS)
    with pytest.raises(ExportError, match="fitted on 4 columns and gets 6"):
        write(model, 6)


def test_unknown_link_is_refused() -> None:
    """The error names a link that is neither the exponential nor the identity."""
    model = PoissonRegressor().fit(ROWS[:300], np.exp(NUMBERS[:300]))
    model._base_loss.link = object()
    with pytest.raises(ExportError, match="link object"):
        write(model, 6)


def test_subclass_is_refused() -> None:
    """A subclass with its own `predict` is refused instead of converted as its parent."""

    class Tweaked(LinearRegression):  # type: ignore[misc]
        def predict(self, X: Any) -> Any:
            return -super().predict(X)

    with pytest.raises(ExportError, match="Tweaked has no exact conversion"):
        write(Tweaked().fit(ROWS, NUMBERS), 6)
    assert LinearRegression in REGRESSORS


def test_ransac() -> None:
    """RANSAC answers as the regressor that was fitted on the inliers."""
    check(RANSACRegressor(random_state=0).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_one_class_descent() -> None:
    """Stochastic gradient descent of one class finds the same outliers."""
    prove_detector(make_pipeline(StandardScaler(), SGDOneClassSVM(random_state=1)))
