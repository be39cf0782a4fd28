"""Trees after sums are refused by name before the proof, unless rounding cannot change their branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tabento.bundle.contract import Contract, Output
from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import contract_of, number

CONTRACT = contract_of(number("a"), number("b"), number("c"))
LABELS = Contract.model_validate(
    CONTRACT.model_dump() | {"task": "classification", "output": Output(name="y", classes=(0, 1), probabilities=False)}
)
PROBABILITIES = LABELS.model_copy(update={"output": Output(name="y", classes=(0, 1), probabilities=True)})
ROWS = np.random.default_rng(8).normal(size=(80, 3))
FRAME = to_frame(ROWS, CONTRACT)
NUMBER = ROWS[:, 0] - ROWS[:, 1] ** 2
LABEL = (NUMBER > -0.5).astype(int)
TREE = DecisionTreeRegressor(max_depth=3)


def _export(model: Any) -> None:
    export_pipeline(model.fit(FRAME, NUMBER), CONTRACT)


def _export_classifier(model: Any) -> None:
    export_pipeline(model.fit(FRAME, LABEL), LABELS)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (KernelPCA(2, kernel="rbf"), "components of KernelPCA"),
        (Nystroem(n_components=4, random_state=1), "columns of Nystroem"),
        (RBFSampler(n_components=4, random_state=1), "cosines of RBFSampler"),
        (PCA(1), "one column of sums"),
        (TruncatedSVD(1), "one column of sums"),
    ],
)
def test_trees_after_sums(step: Any, words: str) -> None:
    """Trees after a sum are refused with the step's name, also with a scaler in between; a linear model is exported."""
    with pytest.raises(ExportError, match=rf"decisiontreeregressor.*{words}.*last bits"):
        _export(make_pipeline(step, StandardScaler(), TREE))
    _export(make_pipeline(step, LinearRegression()))


def test_trees_behind_components() -> None:
    """Two components or more are added up as BLAS adds, and one column has nothing to add."""
    _export(make_pipeline(PCA(2), TREE))
    contract = contract_of(number("a"))
    pipeline = make_pipeline(PCA(1), TREE).fit(to_frame(ROWS[:, :1], contract), NUMBER)
    export_pipeline(pipeline, contract)


def test_regressors_under_trees() -> None:
    """Sums and kernels under trees are refused; trees under trees, and sums under a linear model, are exported."""
    for member in (LinearRegression(), SVR(), make_pipeline(StandardScaler(), LinearRegression())):
        with pytest.raises(ExportError, match=r"final_estimator.*the answers of .*last bits"):
            _export(StackingRegressor([("first", member)], TREE, cv=2))
    _export(StackingRegressor([("first", RandomForestRegressor(n_estimators=2))], TREE, cv=2))
    _export(StackingRegressor([("first", LinearRegression())], cv=2))


def test_classifiers_under_trees() -> None:
    """Probabilities of sums and labels by them are refused; trees' and neighbours' probabilities are decided."""
    tree = DecisionTreeClassifier(max_depth=3)
    for member in (LogisticRegression(), GaussianNB(), SVC()):
        with pytest.raises(ExportError, match=r"the answers of .*last bits"):
            _export_classifier(StackingClassifier([("first", member)], tree, cv=2))
    with pytest.raises(ExportError, match=r"final_estimator.*last bits"):
        _export_classifier(StackingClassifier([("first", LogisticRegression())], tree, cv=2, stack_method="predict"))
    members = [
        ("trees", RandomForestClassifier(n_estimators=2)),
        ("boosting", HistGradientBoostingClassifier(max_iter=2)),
        ("neighbours", KNeighborsClassifier(3)),
    ]
    _export_classifier(StackingClassifier(members, tree, cv=2))


@pytest.mark.parametrize(
    "step",
    [
        PCA(1),
        PowerTransformer(),
        FunctionTransformer(np.exp),
        QuantileTransformer(n_quantiles=9, output_distribution="normal"),
    ],
)
def test_neighbours_after_sums(step: Any) -> None:
    """The last bit of a distance selects the nearest rows, so neighbours after a sum are refused."""
    for last in (KNeighborsRegressor(3), RadiusNeighborsRegressor(2.0)):
        with pytest.raises(ExportError, match=r"neighborsregressor.*would depend on.*last bits"):
            _export(make_pipeline(step, last))
    _export(make_pipeline(StandardScaler(), PCA(2), KNeighborsRegressor(3)))


def test_votes_by_sums() -> None:
    """A vote changes a probability by a step, so votes are exported only if the contract has no probabilities."""
    for model in (
        BaggingClassifier(SVC(), n_estimators=2),
        BaggingClassifier(LinearSVC(), n_estimators=2),
        AdaBoostClassifier(SVC(), n_estimators=2),
        StackingClassifier([("first", SVC())], LogisticRegression(), stack_method="predict", cv=2),
    ):
        with pytest.raises(ExportError, match=r"can change a vote|probabilities count the labels"):
            export_pipeline(model.fit(FRAME, LABEL), PROBABILITIES)
    _export_classifier(BaggingClassifier(SVC(), n_estimators=2))
    _export_classifier(VotingClassifier([("first", SVC())]))


def test_components_that_are_rounding() -> None:
    """Equal columns give components without variance: trees, scalers and whitening after them are refused."""
    rows = np.column_stack([ROWS, ROWS[:, 0] + ROWS[:, 1]])
    contract = contract_of(number("a"), number("b"), number("c"), number("d"))
    frame = to_frame(rows, contract)
    # scikit-learn's own trees take what differs by less than 1e-7 for the same; boosting by histograms does not.
    last = HistGradientBoostingRegressor(max_iter=9, min_samples_leaf=2)
    for model, words in (
        (make_pipeline(PCA(), StandardScaler(), LinearRegression()), "standardscaler.*n_components=3"),
        (make_pipeline(PCA(whiten=True), LinearRegression()), "1 of its components have no variance.*n_components=3"),
        (make_pipeline(PCA(), last), "would split on a component of PCA without variance.*n_components=3"),
        (make_pipeline(KernelPCA(60, kernel="rbf", gamma=1e-3), LinearRegression()), "kernelpca.*no variance"),
    ):
        with pytest.raises(ExportError, match=words):
            export_pipeline(model.fit(frame, NUMBER), contract)
    export_pipeline(make_pipeline(PCA(), LinearRegression()).fit(frame, NUMBER), contract)
    export_pipeline(make_pipeline(PCA(3, whiten=True), TREE).fit(frame, NUMBER), contract)


def test_weights_that_cancel() -> None:
    """A Gaussian process on rows that are all but equal has weights of 1e10, of which nothing is left."""
    frame = FRAME * 1e-9
    with pytest.raises(ExportError, match="a larger `alpha`"):
        export_pipeline(GaussianProcessRegressor().fit(frame, NUMBER), CONTRACT)
    export_pipeline(GaussianProcessRegressor(alpha=1e-3).fit(frame, NUMBER), CONTRACT)


def test_many_members() -> None:
    """A sum over hundreds of members is followed to its end."""
    ensemble = BaggingRegressor(LinearRegression(), n_estimators=350).fit(FRAME, NUMBER)
    with pytest.raises(ExportError, match=r"the answers of .*last bits"):
        _export(StackingRegressor([("first", ensemble)], TREE, cv="prefit"))
