"""Discontinuous steps after sums of another order: refused at export, with the name of a remedy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA, KernelPCA, SparsePCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, StackingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, FunctionTransformer, KBinsDiscretizer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = np.random.default_rng(11).normal(size=(150, 4)) * [1, 3, 2, 5] + [0, 4, -3, 20]
NUMBERS = ROWS[:, 0] + np.sin(ROWS[:, 1]) + ROWS[:, 2] * ROWS[:, 3] / 40
TREE = DecisionTreeRegressor(max_depth=4)


def _contract(classes: int = 0, *, probabilities: bool = True) -> Contract:
    features = tuple(Feature(name=f"x{index}", type="number", minimum=-40.0, maximum=60.0) for index in range(4))
    output = Output(name="y", unit="u")
    if classes:
        output = Output(name="y", classes=tuple(range(classes)), probabilities=probabilities)
    task = "classification" if classes else "regression"
    return Contract(name="t", title="T", description="T.", task=task, features=features, output=output)


def _targets(classes: int) -> Any:
    return np.digitize(NUMBERS, np.quantile(NUMBERS, np.arange(1, classes) / classes)) if classes else NUMBERS


def _fit(model: Any, classes: int = 0) -> Any:
    return model.fit(to_frame(ROWS[:110], _contract(classes)), _targets(classes)[:110])


def _prove(model: Any, contract: Contract, classes: int = 0) -> None:
    pipeline = _fit(model, classes)
    data = serialise(export_pipeline(pipeline, contract))
    check_parity(pipeline, data, contract, to_frame(ROWS[110:], contract), max_rows=1200)


def _stack(member: Any, last: Any = TREE) -> StackingRegressor:
    return StackingRegressor([("member", member)], last, cv=2)


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        (KernelPCA(2, kernel="rbf"), "the components of KernelPCA"),
        (Nystroem(n_components=3, random_state=0), "the columns of Nystroem"),
        (RBFSampler(n_components=3, random_state=0), "the cosines of RBFSampler"),
        (SparsePCA(2, random_state=0), "the components of SparsePCA"),
        (SparseRandomProjection(3, random_state=0), "the columns of SparseRandomProjection"),
        (PCA(1), "one column of sums"),
        (TruncatedSVD(1), "one column of sums"),
        (GaussianRandomProjection(1, random_state=0), "one column of sums"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_trees_behind_sums_of_another_order(model: Any, cause: str) -> None:
    """The tree's step is named, and the numbers that it would split on."""
    with pytest.raises(ExportError, match=f"its trees would split on {cause}.*Nearest that can: ") as error:
        export_pipeline(_fit(make_pipeline(model, TREE)), _contract())
    assert error.value.step == "decisiontreeregressor"


@pytest.mark.parametrize(
    ("member", "name"),
    [
        (Ridge(), "Ridge"),
        (SVR(), "SVR"),
        (MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0), "MLPRegressor"),
        (GaussianProcessRegressor(alpha=0.5), "GaussianProcessRegressor"),
        (make_pipeline(StandardScaler(), Ridge()), "Ridge"),
        (KNeighborsRegressor(3, weights="distance"), "KNeighborsRegressor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_trees_behind_a_members_sums(member: Any, name: str) -> None:
    """A stack whose last estimator is a tree names the member."""
    with pytest.raises(ExportError, match=f"the answers of {name}, .*members that are trees or nearest neighbours"):
        export_pipeline(_fit(_stack(member)), _contract())


@pytest.mark.parametrize("member", [LogisticRegression(), GaussianNB(), SVC()], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("classes", [2, 3])
def test_trees_behind_a_classifiers_answers(member: Any, classes: int) -> None:
    """Probabilities and decisions, of two classes and of three."""
    last = DecisionTreeClassifier(max_depth=3)
    model = StackingClassifier([("member", member)], last, cv=2)
    with pytest.raises(ExportError, match=f"the answers of {type(member).__name__}, "):
        export_pipeline(_fit(model, classes), _contract(classes))


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        (KNeighborsRegressor(3), "(which rows are its neighbours|the nearest training rows) would depend on"),
        (make_pipeline(KBinsDiscretizer(3, encode="ordinal"), Ridge()), "its bins would depend on"),
        (make_pipeline(Binarizer(), Ridge()), "its threshold would decide about"),
        (make_pipeline(FunctionTransformer(np.floor), Ridge()), r"np\.floor would change with"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_jumps(last: Any, cause: str) -> None:
    """Neighbours, bins, thresholds and rounding after a kernel are refused as trees are."""
    with pytest.raises(ExportError, match=f"{cause} .*RBFSampler"):
        export_pipeline(_fit(make_pipeline(RBFSampler(n_components=3, random_state=0), last)), _contract())


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(PCA(2), TREE),
        make_pipeline(GaussianRandomProjection(2, random_state=0), TREE),
        make_pipeline(KernelPCA(2, kernel="rbf"), Ridge()),
        _stack(KNeighborsRegressor(3)),
        _stack(DecisionTreeRegressor(max_depth=3)),
        _stack(SVR(), Ridge()),
    ],
    ids=["PCA", "random projection", "linear behind a kernel", "neighbours", "trees", "linear at the end"],
)
def test_remedies_of_the_refusals_are_proven(model: Any) -> None:
    """The remedy in the error passes the proof, including rows next to its thresholds."""
    _prove(model, _contract())


def test_directions_between_three_classes_are_proven() -> None:
    """Two directions between classes have the bits of a batch."""
    model = make_pipeline(LinearDiscriminantAnalysis(n_components=1), KNeighborsClassifier(3))
    _prove(model, _contract(3), 3)


@pytest.mark.parametrize(
    "model",
    [
        AdaBoostClassifier(LogisticRegression(), n_estimators=3, random_state=0),
        BaggingClassifier(SVC(), n_estimators=3, random_state=0),
    ],
    ids=["AdaBoost", "Bagging"],
)
def test_probabilities_that_count_labels(model: Any) -> None:
    """A probability made of votes jumps if a member's decision is 0, so it is refused; the label is proven."""
    with pytest.raises(ExportError, match=re.escape("`probabilities: false` in the contract")):
        export_pipeline(_fit(model, 2), _contract(2))
    _prove(model, _contract(2, probabilities=False), 2)


def test_votes_of_trees_have_probabilities() -> None:
    """Trees have no sums that decide about their label."""
    _prove(AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=3, random_state=0), _contract(2), 2)
