"""Knife edges: labels on the boundary of a decision are told from labels beside a jump."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tests.training.parity.specimens import LABELS, NUMBERS, contract, fitted, table
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.answers import pipeline_answers
from training.parity.boundaries import boundary_rows
from training.parity.knife_edges import KNIFE_EDGE, KnifeEdges
from training.parity.report import Limits

PROMISED = contract(classes=LABELS, probabilities=False)
FRAME = to_frame(to_rows(table(60, seed=4)[0].dropna(), PROMISED), PROMISED)


def scaled(model: Any) -> Any:
    """Return a classifier of three scaled numbers, fitted."""
    columns = ColumnTransformer([("numbers", StandardScaler(), NUMBERS[:3])])
    return fitted(make_pipeline(columns, model), labels=True)


def distances_at_boundaries(pipeline: Any) -> NDArray[np.float64]:
    """Return the distances of boundary rows to the label of the next row, infinity if there is none."""
    plain = plain_graph(pipeline, PROMISED)
    found = boundary_rows(pipeline, PROMISED, plain, to_rows(FRAME, PROMISED), 2000)
    frame = to_frame(found, PROMISED)
    own = pipeline_answers(pipeline, frame, PROMISED)
    # Sorted rows stand beside their neighbours.
    flipped = np.flatnonzero((own[1:] != own[:-1]).any(axis=1) & (np.abs(np.diff(found, axis=0)) < 1e-9).all(axis=1))
    assert len(flipped) >= 2
    edges = KnifeEdges(pipeline, PROMISED, plain.steps, FRAME, Limits())
    return edges.distances(frame.iloc[flipped], [own[flipped + 1]])


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        SVC(),
        VotingClassifier([("a", LogisticRegression()), ("b", RidgeClassifier()), ("c", GaussianNB())], voting="hard"),
    ],
)
def test_label_that_changes_smoothly_is_a_knife_edge(model: Any) -> None:
    """Beside the boundary of a score, a vote between pairs of classes or a member's label, the other label is near."""
    distances = distances_at_boundaries(scaled(model))
    assert (distances <= 1e-13).all()


def test_label_that_jumps_is_none() -> None:
    """Beside a tree's threshold the graph must answer as the pipeline does, however near the other leaf is."""
    assert np.isinf(distances_at_boundaries(scaled(DecisionTreeClassifier(max_depth=3, random_state=0)))).all()


def test_label_that_is_wrong_everywhere_is_none() -> None:
    """A label that scikit-learn gives nowhere near the row is wrong."""
    pipeline = scaled(LogisticRegression())
    edges = KnifeEdges(pipeline, PROMISED, plain_graph(pipeline, PROMISED).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, PROMISED)
    assert np.isinf(edges.distances(FRAME, [(own + 1) % 3])).all()
    assert (edges.distances(FRAME, [own]) <= KNIFE_EDGE).all()


def test_other_probabilities_are_none() -> None:
    """A row whose probabilities differ is wrong in a number, however near its label is to another one."""
    promised = contract(classes=LABELS)
    pipeline = scaled(LogisticRegression())
    edges = KnifeEdges(pipeline, promised, plain_graph(pipeline, promised).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, promised)
    assert np.isfinite(edges.distances(FRAME, [own])).all()
    own[:, 1] += 1e-8
    assert np.isinf(edges.distances(FRAME, [own])).all()


def test_regression_has_no_knife_edges_but_jumps_can_be_asked_for() -> None:
    """A number is near if scikit-learn gives it beside the row and jumps are allowed, as between versions."""
    promised = contract()
    pipeline = fitted(make_pipeline(ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])]), Ridge()))
    edges = KnifeEdges(pipeline, promised, plain_graph(pipeline, promised).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, promised)[:, np.newaxis]
    assert np.isinf(edges.distances(FRAME, [own])).all()
    assert np.isfinite(edges.distances(FRAME, [own], jumps=True)).all()
    assert np.isinf(edges.distances(FRAME, [own + 1.0], jumps=True)).all()
