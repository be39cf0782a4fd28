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
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from tests.training.export.written import check, labels, number_contract, table, target, write
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame
from training.parity import check_parity

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
    """Each kernel, near the vectors, on them, and far away."""
    model = kind(**kernel, max_iter=2000).fit(ROWS[:250], NUMBERS[:250])
    check(model, np.vstack([ROWS, 50 * ROWS[:20]]))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_classifier_of_two_classes(kind: Any, kernel: dict[str, Any]) -> None:
    """One machine: the sign of its decision is turned against libsvm's."""
    model = kind(**kernel, max_iter=2000).fit(ROWS[:250], labels(RAW, ["no", "yes"])[:250])
    check(model, np.vstack([ROWS, 50 * ROWS[:20]]), atol=CANCELLED)


def test_kernel_of_degree_nought() -> None:
    """A power of 0 is 1 everywhere."""
    check(SVR(kernel="poly", degree=0).fit(ROWS[:50], NUMBERS[:50]), ROWS)


@pytest.mark.parametrize("kernel", ["poly", "sigmoid"])
def test_whole_numbers_as_parameters(kernel: Any) -> None:
    """An integer ``coef0`` and ``gamma`` are the same numbers in double."""
    check(SVR(kernel=kernel, coef0=1, gamma=1, max_iter=2000).fit(ROWS[:50], NUMBERS[:50]), ROWS[:100])
    model = SVC(kernel=kernel, coef0=1, gamma=1, max_iter=2000).fit(ROWS[:50], labels(RAW, [0, 1])[:50])
    check(model, ROWS[:100], atol=CANCELLED)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("kernel", KERNELS[:1] + KERNELS[2:4], ids=str)
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_classifier_of_many_classes(kind: Any, kernel: dict[str, Any], shape: str) -> None:
    """Ten machines vote; decisions come per class or per pair."""
    model = kind(**kernel, decision_function_shape=shape, nu=0.1) if kind is NuSVC else SVC(**kernel)
    model.set_params(decision_function_shape=shape, max_iter=2000)
    model.fit(ROWS[:400], labels(RAW, [3, 1, 4, 15, 9])[:400])
    got = check(model, ROWS, atol=CANCELLED)
    assert got["decision"].shape == (2000, 5 if shape == "ovr" else 10)


def test_ties_broken_by_confidence() -> None:
    """With `break_ties` the largest decision says the class instead of the votes."""
    names = labels(RAW, ["a", "b", "c", "d", "e"])
    breaking = SVC(kernel="sigmoid", gamma=1.0, break_ties=True).fit(ROWS[:300], names[:300])
    voting = SVC(kernel="sigmoid", gamma=1.0).fit(ROWS[:300], names[:300])
    check(breaking, ROWS)
    check(voting, ROWS)
    assert (breaking.predict(ROWS) != voting.predict(ROWS)).any()


def test_decision_of_zero_is_the_second_class() -> None:
    """libsvm gives the first class what is above 0 on its own scale only."""
    rows = np.array([[-1.0], [1.0]])
    model = SVC(kernel="linear").fit(rows, [0, 1])
    probe = np.array([[0.0], [-1e-300], [1e-300]])
    assert model.decision_function(probe)[0] == 0
    check(model, probe)


def test_columns_far_from_the_origin() -> None:
    """Vectors that lie together far out keep their digits."""
    model = SVR(gamma=0.3).fit(ROWS[:250] + 1e6, NUMBERS[:250])
    check(model, ROWS + 1e6)


def test_sparse_training_rows() -> None:
    """A machine that was fitted on a sparse matrix answers dense rows too."""
    inside = np.where(ROWS > 0.3, ROWS, 0.0)
    model = SVC().fit(sparse.csr_array(inside[:300]), labels(RAW, [0, 1, 2])[:300])
    check(model, inside)


@pytest.mark.parametrize("names", [["no", "yes"], [3, 1, 2], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("model", [SVC(), SVC(kernel="linear", break_ties=True), NuSVC(nu=0.2, kernel="poly")], ids=str)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_by_pairwise_coupling(model: Any, names: list[Any]) -> None:
    """libsvm's own rounds with its own end, for two classes too; far rows reach the ends that it keeps from 0 and 1."""
    model = clone(model).set_params(probability=True, random_state=0)
    model.fit(ROWS[:150], labels(RAW, names)[:150])
    got = check(model, np.vstack([ROWS[:600], 20 * ROWS[:20]]))
    assert got["probabilities"].shape[1] == len(names)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_inside_a_vote() -> None:
    """Two graphs of rounds in one graph, and none where nobody asks for probabilities."""
    members = [(name, SVC(probability=True, random_state=0, kernel=name)) for name in ("rbf", "linear")]
    known = labels(RAW, [0, 1, 2])[:150]
    check(VotingClassifier(members, voting="soft").fit(ROWS[:150], known), ROWS[:300])
    plain = SVC(probability=True, random_state=0).fit(ROWS[:150], known).set_params(probability=False)
    assert b"Loop" not in write(plain, ROWS.shape[1])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probabilities_are_proven() -> None:
    """The whole proof, alone and in batches."""
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
    """A function as kernel is refused, with the step's path."""
    model = make_pipeline(FunctionTransformer(), SVC(kernel=linear_kernel))
    model.fit(ROWS[:100], labels(RAW, [0, 1])[:100])
    with pytest.raises(ExportError, match="nothing is known about the kernel") as caught:
        write(model, 6)
    assert caught.value.step == "svc"
