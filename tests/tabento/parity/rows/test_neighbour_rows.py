"""Rows between neighbours: on the grid of the data, and at changes of the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import export_pipeline, serialise
from tabento.export.convert import plain_graph
from tabento.export.formulas import nearest_rows as nearest
from tabento.export.formulas.search_order import SearchTree
from tabento.export.graph.writer import GraphWriter
from tabento.parity import check_parity
from tabento.parity.report import ParityError
from tabento.parity.rows.neighbour_rows import LINES, neighbour_rows
from tabento.tables.frames import to_frame
from tests.tabento.export.converters.neighbors.test_k_neighbors import KINDS, TENTHS

CONTRACT = Contract(
    name="flowers",
    title="Flowers",
    description="Lengths and widths in cm.",
    task="classification",
    features=tuple(Feature(name=f"x{index}", type="number", minimum=0, maximum=9) for index in range(4)),
    output=Output(name="kind", classes=(0, 1, 2), probabilities=True),
)
FRAME = to_frame(TENTHS, CONTRACT)


def _rows(pipeline: Any, maximum: int = 800) -> np.ndarray:
    return neighbour_rows(pipeline, CONTRACT, TENTHS, plain_graph(pipeline, CONTRACT).steps, maximum).packed


def test_rows_on_the_grid_and_on_both_sides_of_a_change() -> None:
    """Most rows have one decimal; the ends of lines are neighbours in double with different answers."""
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(FRAME, KINDS)
    rows = _rows(pipeline)
    on_grid = (np.round(rows, 1) == rows).all(axis=1)
    assert on_grid.sum() > 600
    low, high = np.split(rows[-2 * LINES :], 2)
    answers = [pipeline.predict_proba(to_frame(side, CONTRACT)) for side in (low, high)]
    assert (answers[0] != answers[1]).any(axis=1).all()
    assert np.abs(low - high).max() < 1e-14


def test_nothing_without_a_search() -> None:
    """A pipeline that does not look for neighbours gets no such rows."""
    assert not len(_rows(make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, KINDS)))


def test_another_choice_among_equals_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that takes the training row with the lower number fails the proof on tenths."""
    model = KNeighborsClassifier(1).fit(FRAME, KINDS)
    right = serialise(export_pipeline(model, CONTRACT))
    assert check_parity(model, right, CONTRACT, FRAME, max_rows=6000).label_flips == 0

    def lower_number(
        writer: GraphWriter, search: Any, value: str, distance: str, tied: str, last: str, places: str
    ) -> str:
        assert isinstance(search.tree, SearchTree)
        return places

    monkeypatch.setattr(nearest, "_replace_ties", lower_number)
    wrong = serialise(export_pipeline(model, CONTRACT))
    with pytest.raises(ParityError, match="label"):
        check_parity(model, wrong, CONTRACT, FRAME, max_rows=6000)
