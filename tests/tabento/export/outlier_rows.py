"""Rows with outliers, and the proof of a detector fitted on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import export_pipeline, serialise
from tabento.parity import check_parity
from tabento.parity.report import ParityReport
from tabento.tables.frames import to_frame

GENERATOR = np.random.default_rng(7)

ROWS = np.round(GENERATOR.standard_normal((400, 3)) * [1, 10, 0.1] + [0, 5, 0], 2)


def outlier_contract(*, nullable: bool = False, probabilities: bool = False) -> Contract:
    """Return a contract of three numbers and the labels -1 and 1."""
    features = [Feature(name=name, type="number", minimum=-100, maximum=100, nullable=nullable) for name in "abc"]
    return Contract(
        name="outliers",
        title="Outliers",
        description="",
        task="classification",
        features=tuple(features),
        output=Output(name="ordinary", classes=(-1, 1), probabilities=probabilities),
    )


def prove_detector(model: Any, *, nullable: bool = False, rows: NDArray[np.float64] = ROWS) -> ParityReport:
    """Fit a detector on the first 250 rows, export it, and return the proof on the other rows."""
    contract = outlier_contract(nullable=nullable)
    model.fit(to_frame(rows[:250], contract))
    graph = serialise(export_pipeline(model, contract))
    report = check_parity(model, graph, contract, to_frame(rows[250:], contract), max_rows=2500)
    assert report.label_flips == 0
    assert not report.excesses()
    return report
