"""Attribution of answers to a client's features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabento.tables.frames import to_frame, to_rows
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.model.attribution import attribute, raw_sources
from training.model.pipeline import fit_pipeline


def test_engineered_columns_are_traced_to_their_features() -> None:
    """The source of a number is itself, of a ratio or a similarity all of its columns, of a category's columns the category."""
    config = orchard_config()
    pipeline = fit_pipeline(config, orchard_frame(80))
    sources = raw_sources(pipeline["features"])
    engineered = pipeline["features"].transform(
        to_frame(to_rows(orchard_frame(5), config.contract()), config.contract())
    )
    assert len(sources) == engineered.shape[1]
    assert sources[:5] == [("age",), ("crown width",), ("height",), ("slope",), ("pruned",)]
    assert sources[5] == ("height", "crown width")
    assert sources[6:9] == [("crown width", "height")] * 3
    assert sources[9:12] == [("sort",)] * 3
    assert set(sources[12:]) == {("soil",)}


def test_columns_after_an_imputation_across_columns_are_traced() -> None:
    """An imputation by neighbours changes the order of the columns; their sources stay right."""
    config = orchard_config(impute="knn")
    pipeline = fit_pipeline(config, orchard_frame(80))
    sources = raw_sources(pipeline["features"])
    assert sources[:5] == [("age",), ("crown width",), ("height",), ("slope",), ("height", "crown width")]
    assert sources[8] == ("pruned",)


def test_values_of_trees_add_up_to_the_answer() -> None:
    """The values of a row sum to the difference between its answer and a base value of all rows (additivity)."""
    config = orchard_config(estimator={"kind": "hist_gradient_boosting", "params": {"max_iter": 20}})
    frame, contract = orchard_frame(300), config.contract()
    pipeline = fit_pipeline(config, frame)
    attribution = attribute(pipeline, frame, frame, contract, 1)
    answers = pipeline.predict(to_frame(attribution.rows, contract))
    base = answers - attribution.values[:, :, 0].sum(axis=1)
    assert attribution.method == "trees"
    assert attribution.values.shape == (200, 7, 1)
    assert np.ptp(base) < 1e-6 * np.ptp(answers)


def test_sampled_values_add_up_to_the_answer() -> None:
    """A linear model is explained by exchanging features, and the values are additive too."""
    config = orchard_config(estimator={"kind": "ridge"})
    frame, contract = orchard_frame(200), config.contract()
    pipeline = fit_pipeline(config, frame)
    attribution = attribute(pipeline, frame, frame, contract, 1)
    answers = pipeline.predict(to_frame(attribution.rows, contract))
    base = answers - attribution.values[:, :, 0].sum(axis=1)
    assert attribution.method == "sampling"
    assert len(attribution.rows) == 100
    assert np.ptp(base) < 1e-6 * np.ptp(answers)
    names = [feature.name for feature in config.features]
    assert names[int(np.argmax(attribution.importance))] == "age"


@pytest.mark.parametrize(
    "kind", ["decision_tree", "extra_trees", "gradient_boosting", "hist_gradient_boosting", "xgboost", "lightgbm"]
)
def test_every_kind_of_tree_is_explained(kind: str) -> None:
    """Each classifier of trees gives one value per feature for the second class, and ranks the relevant feature first."""
    pytest.importorskip(kind) if kind in ("xgboost", "lightgbm") else None
    params: dict[str, Any] = {} if kind == "decision_tree" else {"n_estimators": 10}
    config = seedling_config(
        estimator={"kind": kind, "params": {"max_iter": 10} if kind.startswith("hist") else params},
        decision={"by": "fixed", "threshold": 0.3},
        derived={},
    )
    frame = seedling_frame(400)
    attribution = attribute(fit_pipeline(config, frame), frame, frame, config.contract(), 1)
    assert attribution.method == "trees"
    assert attribution.values.shape == (200, 5, 1)
    assert np.isfinite(attribution.values).all()
    assert attribution.importance.min() >= 0
    assert int(np.argmax(attribution.importance)) in (0, 2, 4)


def test_two_classes_are_explained_by_sampling() -> None:
    """The values of a linear classifier explain the probability of the second class."""
    config = seedling_config(estimator={"kind": "logistic_regression"}, decision={"by": "most_probable"}, derived={})
    frame = seedling_frame(200)
    attribution = attribute(fit_pipeline(config, frame), frame, frame, config.contract(), 1)
    assert (attribution.method, attribution.values.shape) == ("sampling", (100, 5, 1))
    assert int(np.argmax(attribution.importance)) in (0, 2, 4)


def test_three_classes_have_values_each() -> None:
    """Each of several classes has its own values, by trees and by sampling."""
    config = seedling_config()
    classes = [*(item.model_dump() for item in config.target.classes or ()), {"value": "lost", "label": "lost"}]
    target = {**config.target.model_dump(), "classes": classes}
    frame = seedling_frame(200)
    frame.loc[frame.index[:50], "fate"] = 2.0
    methods = []
    for estimator in ({"kind": "decision_tree"}, {"kind": "gradient_boosting", "params": {"n_estimators": 5}}):
        three = seedling_config(target=target, decision={"by": "most_probable"}, estimator=estimator, derived={})
        attribution = attribute(fit_pipeline(three, frame), frame, frame, three.contract(), 1)
        assert attribution.values.shape[1:] == (5, 3)
        assert attribution.importance.shape == (5,)
        methods.append(attribution.method)
    assert methods == ["trees", "sampling"]


def test_values_are_deterministic() -> None:
    """The same model, rows and seed give the same values."""
    config = orchard_config(estimator={"kind": "ridge"}, derived={})
    frame = orchard_frame(120)
    pipeline = fit_pipeline(config, frame)
    first_values, second_values = (attribute(pipeline, frame, frame, config.contract(), 3).values for _ in range(2))
    np.testing.assert_array_equal(first_values, second_values)
