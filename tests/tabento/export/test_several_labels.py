"""Classifiers that give several labels to a row, proven label by label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tabento.bundle.contract import Contract, Feature, Output, OutputTarget
from tabento.bundle.session import open_session
from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.label_answers import label_sets_of
from tabento.export.pipeline_answers import pipeline_answers
from tabento.packaging.served_graph import graph_answers
from tabento.parity import ParityReport, check_parity
from tabento.parity.report import ParityError
from tabento.tables.frames import to_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Label 3 is present in all training examples"),
]

_GENERATOR = np.random.default_rng(0)
ROWS = pd.DataFrame(_GENERATOR.normal(size=(120, 3)).round(3), columns=["a", "b", "c"])
NOISE = _GENERATOR.normal(0, 0.4, (3, 120))
FLAGS = np.column_stack(
    [ROWS["a"] + NOISE[0] > 0, ROWS["b"] + NOISE[1] > 0.3, ROWS["a"] * ROWS["c"] + NOISE[2] > 0]
).astype(int)
"""Three labels that are 0 or 1."""
GRADES = np.column_stack([np.digitize(ROWS["a"] + NOISE[1], [-0.5, 0.5]), FLAGS[:, 1]])
"""Three classes and two."""
WORDS = np.column_stack([np.array(["lo", "mid", "top"])[GRADES[:, 0]], np.array(["no", "yes"])[GRADES[:, 1]]])
FEATURES = tuple(Feature(name=name, type="number", minimum=-9, maximum=9) for name in ROWS.columns)
TREE_OPTIONS: dict[str, Any] = {"max_depth": 4, "random_state": 0}


def _contract(*sets: Any) -> Contract:
    targets = tuple(
        OutputTarget(name=f"label_{index}", classes=tuple(np.asarray(label_classes).tolist()))
        for index, label_classes in enumerate(sets)
    )
    output = (
        Output(name="labels", targets=targets) if len(targets) > 1 else Output(name="label", classes=targets[0].classes)
    )
    return Contract(name="marks", title="", description="", task="classification", features=FEATURES, output=output)


def _prove(model: Any) -> ParityReport:
    contract = _contract(*(label_sets_of(model) or []))
    return check_parity(model, serialise(export_pipeline(model, contract)), contract, ROWS, max_rows=600)


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (MultiOutputClassifier(LogisticRegression()), WORDS),
        (make_pipeline(StandardScaler(), MultiOutputClassifier(RandomForestClassifier(5, **TREE_OPTIONS))), GRADES),
        (ClassifierChain(LogisticRegression(), order=[2, 0, 1]), FLAGS),
        (ClassifierChain(DecisionTreeClassifier(**TREE_OPTIONS), order=[1, 0]), GRADES),
        (ClassifierChain(GaussianNB(), chain_method="predict_proba"), FLAGS),
        (ClassifierChain(RandomForestClassifier(5, **TREE_OPTIONS), chain_method="predict_proba"), FLAGS),
        (ClassifierChain(LogisticRegression(), chain_method="decision_function"), FLAGS),
        (make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())), FLAGS),
        (OneVsRestClassifier(LinearSVC()), FLAGS),
        (OneVsRestClassifier(RandomForestClassifier(5, **TREE_OPTIONS)), FLAGS),
        (DecisionTreeClassifier(**TREE_OPTIONS), WORDS),
        (RandomForestClassifier(5, **TREE_OPTIONS), GRADES),
        (RandomForestClassifier(5, random_state=0), FLAGS),
        (make_pipeline(StandardScaler(), ExtraTreesClassifier(5, **TREE_OPTIONS)), WORDS),
        (KNeighborsClassifier(5), GRADES),
        (make_pipeline(StandardScaler(), KNeighborsClassifier(9, weights="distance")), WORDS),
        (make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=50, random_state=0)), FLAGS),
        (RidgeClassifier(), FLAGS),
        (RidgeClassifierCV(), FLAGS),
        (
            GridSearchCV(DecisionTreeClassifier(**TREE_OPTIONS), {"max_depth": [2, 3]}, cv=2, scoring=lambda *_: 0.0),
            GRADES,
        ),
    ],
)
def test_several_labels_are_proven(model: Any, labels: Any) -> None:
    """Every label of every row is the pipeline's, on both sides of the boundaries of the labels too."""
    report = _prove(model.fit(ROWS, labels))
    assert report.label_flips == 0
    assert report.undecided == 0
    assert next(part for part in report.parts if part.name == "boundary").rows > 0


def test_labels_of_a_chain_stand_in_the_order_of_their_columns() -> None:
    """``classes_`` of a chain are in the order of the chain, its answers are not."""
    chain = ClassifierChain(DecisionTreeClassifier(**TREE_OPTIONS), order=[1, 0]).fit(ROWS, GRADES)
    assert [len(own) for own in label_sets_of(chain) or []] == [3, 2]
    contract = _contract([0, 1, 2], [0, 1])
    got = graph_answers(open_session(serialise(export_pipeline(chain, contract))), to_rows(ROWS, contract))
    np.testing.assert_array_equal(got, chain.predict(ROWS))


def test_indicators_have_two_labels_each() -> None:
    """A classifier that was fitted on a matrix of 0 and 1 lists columns under ``classes_``, not labels."""
    model = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())).fit(ROWS, FLAGS)
    assert [own.tolist() for own in label_sets_of(model) or []] == [[0, 1]] * 3


def test_another_label_is_found() -> None:
    """A graph of which one label is another model's is not proven; the row shows which label."""
    contract = _contract([0, 1], [0, 1])
    model = MultiOutputClassifier(LogisticRegression()).fit(ROWS, FLAGS[:, [0, 1]])
    other = MultiOutputClassifier(LogisticRegression()).fit(ROWS, FLAGS[:, [0, 2]])
    with pytest.raises(ParityError, match="label_1"):
        check_parity(model, serialise(export_pipeline(other, contract)), contract, ROWS, max_rows=600)


@pytest.mark.parametrize(
    ("model", "labels", "reason"),
    [
        (MultiOutputClassifier(LogisticRegression()), FLAGS[:, :1], r"one column of labels.*y\.ravel"),
        (OneVsRestClassifier(LogisticRegression()), np.column_stack([FLAGS, np.ones(120, int)]), "same label 3"),
        (OneVsRestClassifier(LogisticRegression()), sparse.csr_matrix(FLAGS), r"sparse matrix of labels.*toarray"),
        (ClassifierChain(LogisticRegression(), chain_method="predict_log_proba"), FLAGS, "predict_log_proba"),
        (
            StackingClassifier([("a", KNeighborsClassifier()), ("b", GaussianNB())], DecisionTreeClassifier()),
            None,
            "(the contract lists 2|its trees would split on the answers of GaussianNB)",
        ),
        (StackingClassifier([("a", KNeighborsClassifier())], DecisionTreeClassifier()), FLAGS, "several labels a row"),
    ],
)
def test_unsupported_estimators_are_refused(model: Any, labels: Any, reason: str) -> None:
    """The error names the estimator and the estimators that can be exported."""
    model.fit(ROWS, FLAGS[:, 0] if labels is None else labels)
    with pytest.raises(ExportError, match=reason):
        export_pipeline(model, _contract([0, 1], [0, 1]))


def test_a_contract_of_one_label_is_refused() -> None:
    """A contract of one label does not describe the graph's answer, and is refused."""
    model = RandomForestClassifier(3, **TREE_OPTIONS).fit(ROWS, FLAGS)
    with pytest.raises(ExportError, match=r"gives 3 labels to a row, and the contract lists 1.*`targets`"):
        export_pipeline(model, _contract([0, 1]))


def test_other_classes_are_refused_by_the_proof() -> None:
    """The contract's classes have to be the pipeline's, in their order, for each label."""
    model = DecisionTreeClassifier(**TREE_OPTIONS).fit(ROWS, GRADES)
    with pytest.raises(ValueError, match=r"correct `output.targets`"):
        pipeline_answers(model, ROWS, _contract([0, 1, 2], [1, 0]))
