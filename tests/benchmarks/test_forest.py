"""The forest's graph and pipeline have the same answers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from benchmarks.forest import fit_forest
from tabento.bundle.contract import Contract, Feature, Output
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export import export_pipeline, serialise
from tabento.tables.frames import to_frame, to_rows
from tests.bundles import orchard_contract

CONTRACT = Contract(
    name="hedge",
    title="Hedge",
    description="A hedge.",
    task="regression",
    features=(
        Feature(name="kind", type="category", categories=("beech", "holly", "yew")),
        Feature(name="length", type="number"),
        Feature(name="shade", type="number", nullable=True),
        Feature(name="cut", type="boolean"),
    ),
    output=Output(name="days"),
)


def _table(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    shade = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "kind": rng.choice(["beech", "holly", "yew"], rows),
            "length": rng.normal(size=rows),
            "shade": np.where(rng.random(rows) < 0.2, np.nan, shade),
            "cut": rng.integers(2, size=rows).astype(np.float64),
        }
    )
    return frame, 3 * frame["length"].to_numpy() + shade + (frame["kind"] == "holly").to_numpy()


def _answers(model: bytes, rows: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    # As every server of the comparison: with more threads the order in which trees are added depends on the batch.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0])


def test_graph_equals_pipeline() -> None:
    """The answers are also equal if a number is missing, categories precede numbers, or a row is on a threshold."""
    frame, target = _table()
    pipeline = fit_forest(frame, target, CONTRACT, trees=5)
    model = serialise(export_pipeline(pipeline, CONTRACT))
    rows = to_rows(frame, CONTRACT)
    thresholds = np.concatenate([tree.tree_.threshold for tree in pipeline.named_steps["model"].estimators_])
    # scikit-learn splits missing from present at infinity.
    thresholds = thresholds[np.isfinite(thresholds)]
    on_them = np.tile(rows[:1], (len(thresholds), 1))
    on_them[:, 1] = thresholds
    for compared_rows in (rows, on_them, np.nextafter(on_them, np.inf)):
        compared_rows[:, 0], compared_rows[:, 3] = np.round(compared_rows[:, 0]), np.round(compared_rows[:, 3])
        expected = pipeline.predict(to_frame(compared_rows, CONTRACT))
        np.testing.assert_allclose(_answers(model, compared_rows), expected, rtol=1e-13)


def test_a_row_alone_equals_the_row_in_a_batch() -> None:
    """Servers that batch and servers that do not have to give the same digits."""
    frame, target = _table()
    model = serialise(export_pipeline(fit_forest(frame, target, CONTRACT, trees=5), CONTRACT))
    rows = to_rows(frame, CONTRACT)
    alone = np.concatenate([_answers(model, row[np.newaxis]) for row in rows])
    assert alone.tobytes() == _answers(model, rows).tobytes()


def test_trees_that_are_leaves() -> None:
    """A constant target gives trees without a split, and a graph that answers the constant."""
    frame, target = _table()
    model = serialise(export_pipeline(fit_forest(frame, np.full_like(target, 7.5), CONTRACT, trees=2), CONTRACT))
    assert _answers(model, to_rows(frame, CONTRACT)).tolist() == [7.5] * len(frame)


def test_loose_categories_are_refused() -> None:
    """A category that may be missing or unknown has no index; the error names it."""
    frame, target = _table()
    with pytest.raises(ValueError, match="soil"):
        fit_forest(frame, target, orchard_contract())
