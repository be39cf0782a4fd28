"""Knife edges: labels on the boundary of a decision, and labels next to a jump."""

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

from tabento.export.convert import plain_graph
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.comparison.knife_edges import KNIFE_EDGE, KnifeEdges
from tabento.parity.report import Limits
from tabento.parity.rows.boundaries import boundary_rows
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, NUMBERS, contract, fit_specimen, table

CONTRACT = contract(classes=LABELS, probabilities=False)
FRAME = to_frame(to_rows(table(60, seed=4)[0].dropna(), CONTRACT), CONTRACT)


def fit_on_scaled(model: Any) -> Any:
    """Return a classifier of three scaled numbers, fitted."""
    columns = ColumnTransformer([("numbers", StandardScaler(), NUMBERS[:3])])
    return fit_specimen(make_pipeline(columns, model), labels=True)


def distances_at_boundaries(pipeline: Any) -> NDArray[np.float64]:
    """Return the distances of boundary rows to the label of the next row, infinity if there is none."""
    plain = plain_graph(pipeline, CONTRACT)
    rows = boundary_rows(pipeline, CONTRACT, plain, to_rows(FRAME, CONTRACT), 2000)
    frame = to_frame(rows, CONTRACT)
    own = pipeline_answers(pipeline, frame, CONTRACT)
    # Sorted rows are next to their neighbours.
    flipped = np.flatnonzero((own[1:] != own[:-1]).any(axis=1) & (np.abs(np.diff(rows, axis=0)) < 1e-9).all(axis=1))
    assert len(flipped) >= 2
    edges = KnifeEdges(pipeline, CONTRACT, plain.steps, FRAME, Limits())
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
    """The other label is near the boundary of a score, of a vote between pairs, or of a member's label."""
    distances = distances_at_boundaries(fit_on_scaled(model))
    assert (distances <= 1e-13).all()


def test_label_that_jumps_is_not_a_knife_edge() -> None:
    """Next to a tree's threshold the graph must answer as the pipeline does, regardless of the other leaf."""
    assert np.isinf(distances_at_boundaries(fit_on_scaled(DecisionTreeClassifier(max_depth=3, random_state=0)))).all()


def test_label_that_is_wrong_everywhere_is_none() -> None:
    """A label that scikit-learn gives nowhere near the row is wrong."""
    pipeline = fit_on_scaled(LogisticRegression())
    edges = KnifeEdges(pipeline, CONTRACT, plain_graph(pipeline, CONTRACT).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, CONTRACT)
    assert np.isinf(edges.distances(FRAME, [(own + 1) % 3])).all()
    assert (edges.distances(FRAME, [own]) <= KNIFE_EDGE).all()


def test_other_probabilities_are_not_a_knife_edge() -> None:
    """A row with other probabilities is an error of the graph, also if its label is near another one."""
    target_contract = contract(classes=LABELS)
    pipeline = fit_on_scaled(LogisticRegression())
    edges = KnifeEdges(pipeline, target_contract, plain_graph(pipeline, target_contract).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, target_contract)
    assert np.isfinite(edges.distances(FRAME, [own])).all()
    own[:, 1] += 1e-8
    assert np.isinf(edges.distances(FRAME, [own])).all()


def test_regression_has_no_knife_edges_unless_jumps_are_allowed() -> None:
    """A number is near if scikit-learn returns it next to the row and jumps are allowed, as between versions."""
    target_contract = contract()
    pipeline = fit_specimen(make_pipeline(ColumnTransformer([("numbers", "passthrough", NUMBERS[:3])]), Ridge()))
    edges = KnifeEdges(pipeline, target_contract, plain_graph(pipeline, target_contract).steps, FRAME, Limits())
    own = pipeline_answers(pipeline, FRAME, target_contract)[:, np.newaxis]
    assert np.isinf(edges.distances(FRAME, [own])).all()
    assert np.isfinite(edges.distances(FRAME, [own], jumps=True)).all()
    assert np.isinf(edges.distances(FRAME, [own + 1.0], jumps=True)).all()
