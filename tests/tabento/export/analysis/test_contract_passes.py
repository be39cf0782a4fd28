"""The graph has no guard against values that the contract excludes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper
from sklearn.pipeline import Pipeline

from tabento.bundle.contract import Contract
from tabento.export import export_pipeline, serialise
from tabento.tables.frames import to_frame, to_rows
from tests.training.orchards import answers, orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline


def _export_changed(change: dict[str, dict[str, Any]]) -> tuple[Pipeline, Any, Contract]:
    """Return pipeline, graph and contract of an orchard with some of its features changed."""
    features = [{**feature.model_dump(), **change.get(feature.name, {})} for feature in orchard_config().features]
    config = orchard_config(
        features=features, estimator={**orchard_config().estimator.model_dump(), "target": "identity"}
    )
    pipeline = fit_pipeline(config, orchard_frame(500))
    return pipeline, export_pipeline(pipeline, config.contract()), config.contract()


def _kinds(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _flags(model: Any) -> NDArray[np.int64]:
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in trees.attribute}
    return np.array(attributes.get("nodes_missing_value_tracks_true", []))


def test_columns_that_are_never_missing_are_not_imputed() -> None:
    """Without a nullable number the graph has no imputation, and no tree checks for a missing value."""
    _, model, _ = _export_changed({"slope": {"nullable": False, "required": True}, "soil": {"nullable": False}})
    assert "IsNaN" not in _kinds(model)
    assert "Where" not in _kinds(model)
    assert _flags(model).size == 0


@pytest.mark.parametrize(("minimum", "guards"), [(0.5, 0), (0.0, 1), (None, 1)])
def test_denominator_is_guarded_where_it_can_be_zero(minimum: float | None, guards: int) -> None:
    """A range away from zero spares the test; a range with zero keeps it, and the flags for the missing ratio."""
    pipeline, model, contract = _export_changed({"crown width": {"minimum": minimum}})
    assert _kinds(model).count("Equal") - 1 == guards  # one Equal is the categories'
    assert bool(_flags(model).any()) == bool(guards)
    frame = orchard_frame(40)
    if guards:
        frame.loc[:9, "crown width"] = 0.0
    rows = to_rows(frame, contract)
    np.testing.assert_array_equal(answers(serialise(model), rows), pipeline.predict(to_frame(rows, contract)))
