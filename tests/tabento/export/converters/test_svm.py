"""Support vector machines: libsvm's kernels, votes and signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.metrics.pairwise import linear_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table, target, write
from tests.tabento.export.outlier_rows import ROWS as OUTLIERS
from tests.tabento.export.outlier_rows import outlier_contract, prove_detector

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
CANCELLED = 1e-9
"""NuSVC may end with weights of 1e7 that cancel; libsvm itself keeps nine digits of such a decision."""

KERNELS: list[dict[str, Any]] = [
    {"kernel": "rbf"},
    {"kernel": "rbf", "gamma": 200.0},
    {"kernel": "linear"},
    {"kernel": "poly"},
    {"kernel": "poly", "degree": 6, "coef0": 1.0, "gamma": 0.1},
    {"kernel": "poly", "degree": 1},
    {"kernel": "sigmoid", "gamma": 0.05, "coef0": -0.2},
]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("kind", [SVR, NuSVR])
def test_regressor(kind: Any, kernel: dict[str, Any]) -> None:
    """Each kernel agrees near support vectors, on them, and far away."""
    model = kind(**kernel, max_iter=2000).fit(ROWS[:250], NUMBERS[:250])
    check(model, np.vstack([ROWS, 50 * ROWS[:20]]))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_classifier_of_two_classes(kind: Any, kernel: dict[str, Any]) -> None:
    """The label of two classes agrees with libsvm, whose decision has the opposite sign."""
    model = kind(**kernel, max_iter=2000).fit(ROWS[:250], labels(RAW, ["no", "yes"])[:250])
    check(model, np.vstack([ROWS, 50 * ROWS[:20]]), atol=CANCELLED)


def test_kernel_of_degree_nought() -> None:
    """A power of 0 is 1 everywhere."""
    check(SVR(kernel="poly", degree=0).fit(ROWS[:50], NUMBERS[:50]), ROWS)


@pytest.mark.parametrize("kernel", ["poly", "sigmoid"])
def test_whole_numbers_as_parameters(kernel: Any) -> None:
    """An integer ``coef0`` and ``gamma`` are converted to the same doubles."""
    check(SVR(kernel=kernel, coef0=1, gamma=1, max_iter=2000).fit(ROWS[:50], NUMBERS[:50]), ROWS[:100])
    model = SVC(kernel=kernel, coef0=1, gamma=1, max_iter=2000).fit(ROWS[:50], labels(RAW, [0, 1])[:50])
    check(model, ROWS[:100], atol=CANCELLED)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("kernel", KERNELS[:1] + KERNELS[2:4], ids=str)
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_classifier_of_many_classes(kind: Any, kernel: dict[str, Any], shape: str) -> None:
    """Ten machines vote; decisions are per class or per pair."""
    model = kind(**kernel, decision_function_shape=shape, nu=0.1) if kind is NuSVC else SVC(**kernel)
    model.set_params(decision_function_shape=shape, max_iter=2000)
    model.fit(ROWS[:400], labels(RAW, [3, 1, 4, 15, 9])[:400])
    actual = check(model, ROWS, atol=CANCELLED)
    assert actual["decision"].shape == (2000, 5 if shape == "ovr" else 10)


def test_ties_broken_by_confidence() -> None:
    """With `break_ties` the largest decision gives the class instead of the votes."""
    names = labels(RAW, ["a", "b", "c", "d", "e"])
    breaking = SVC(kernel="sigmoid", gamma=1.0, break_ties=True).fit(ROWS[:300], names[:300])
    voting = SVC(kernel="sigmoid", gamma=1.0).fit(ROWS[:300], names[:300])
    check(breaking, ROWS)
    check(voting, ROWS)
    assert (breaking.predict(ROWS) != voting.predict(ROWS)).any()


def test_decision_of_zero_is_the_second_class() -> None:
    """A decision of exactly 0 is the second class, as in libsvm."""
    rows = np.array([[-1.0], [1.0]])
    model = SVC(kernel="linear").fit(rows, [0, 1])
    probe = np.array([[0.0], [-1e-300], [1e-300]])
    assert model.decision_function(probe)[0] == 0
    check(model, probe)


def test_columns_far_from_the_origin() -> None:
    """Support vectors that are close together and far from the origin keep their digits."""
    model = SVR(gamma=0.3).fit(ROWS[:250] + 1e6, NUMBERS[:250])
    check(model, ROWS + 1e6)


def test_sparse_training_rows() -> None:
    """A machine that was fitted on a sparse matrix answers dense rows."""
    nonnegative = np.where(ROWS > 0.3, ROWS, 0.0)
    model = SVC().fit(sparse.csr_array(nonnegative[:300]), labels(RAW, [0, 1, 2])[:300])
    check(model, nonnegative)


@pytest.mark.parametrize("names", [["no", "yes"], [3, 1, 2], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("model", [SVC(), SVC(kernel="linear", break_ties=True), NuSVC(nu=0.2, kernel="poly")], ids=str)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_by_pairwise_coupling(model: Any, names: list[Any]) -> None:
    """Probabilities have libsvm's own iterations and stopping rule, also at its limits near 0 and 1."""
    model = clone(model).set_params(probability=True, random_state=0)
    model.fit(ROWS[:150], labels(RAW, names)[:150])
    actual = check(model, np.vstack([ROWS[:600], 20 * ROWS[:20]]))
    assert actual["probabilities"].shape[1] == len(names)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_inside_a_vote() -> None:
    """Two machines with probabilities fit in one graph; a machine has none without `probability`."""
    members = [(name, SVC(probability=True, random_state=0, kernel=name)) for name in ("rbf", "linear")]
    present_values = labels(RAW, [0, 1, 2])[:150]
    check(VotingClassifier(members, voting="soft").fit(ROWS[:150], present_values), ROWS[:300])
    plain = SVC(probability=True, random_state=0).fit(ROWS[:150], present_values).set_params(probability=False)
    assert b"Loop" not in write(plain, ROWS.shape[1])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_are_proven() -> None:
    """A machine with probabilities passes the whole proof, row by row and in batches."""
    contract = number_contract(ROWS.shape[1], (0, 1, 2), probabilities=True)
    frame = to_frame(ROWS[:300], contract)
    model = SVC(probability=True, random_state=0).fit(frame, labels(RAW, [0, 1, 2])[:300])
    graph = serialise(export_pipeline(model, contract))
    assert graph == serialise(export_pipeline(model, contract))
    report = check_parity(model, graph, contract, to_frame(ROWS[300:500], contract), max_rows=1500)
    assert report.label_flips == 0
    assert report.worst_probability is not None
    assert report.worst_probability < 1e-9
    assert report.undecided == 0


def test_kernel_of_ones_own_is_refused() -> None:
    """A custom kernel is refused with the step's path."""
    model = make_pipeline(FunctionTransformer(), SVC(kernel=linear_kernel))
    model.fit(ROWS[:100], labels(RAW, [0, 1])[:100])
    with pytest.raises(ExportError, match="nothing is known about the kernel") as error:
        write(model, 6)
    assert error.value.step == "svc"


@pytest.mark.parametrize("model", [LinearSVR(random_state=0)], ids=str)
def test_linear_regressor(model: Any) -> None:
    """The weighted sum is scikit-learn's, also far from the training rows."""
    check(model.fit(RAW[:300], NUMBERS[:300]), np.vstack([RAW, 1e6 * RAW[:10], 1e-300 * RAW[:10]]))


@pytest.mark.parametrize("names", [["no", "yes"], [7, 3], [False, True], ["a", "b", "c", "d"]], ids=str)
def test_linear_classifier(names: list[Any]) -> None:
    """Label and decision are scikit-learn's, for two classes and for several."""
    check(LinearSVC(random_state=0).fit(RAW[:300], labels(RAW, names)[:300]), np.vstack([RAW, 1e5 * RAW[:20]]))


@pytest.mark.parametrize(
    "model", [OneClassSVM(nu=0.1), OneClassSVM(kernel="linear"), OneClassSVM(kernel="poly", degree=2)], ids=str
)
def test_machine_of_one_class(model: OneClassSVM) -> None:
    """The graph finds the same outliers."""
    prove_detector(make_pipeline(StandardScaler(), model))


def test_own_kernel_is_refused() -> None:
    """A detector with a custom kernel is refused."""
    contract = outlier_contract()
    model = OneClassSVM(kernel=linear_kernel).fit(to_frame(OUTLIERS[:50], contract))
    with pytest.raises(ExportError, match="nothing is known about the kernel"):
        export_pipeline(model, contract)
