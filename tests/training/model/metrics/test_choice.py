"""The deciding metric, and the direction of each metric."""

from __future__ import annotations

from typing import get_args

import numpy as np

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import Metric
from training.config.study import METRICS
from training.model.metrics import HIGHER_IS_BETTER, LABEL_METRICS, better, measure, metric_of


def test_every_metric_that_can_decide_is_computed() -> None:
    """Every metric that a config can name is computed."""
    regression = measure(orchard_config(), [1.0, 2.0, 3.0], [1.0, 2.5, 3.0])
    answers = np.array([[0, 0.8, 0.2], [1, 0.3, 0.7], [1, 0.4, 0.6]])
    classification = measure(seedling_config(), [0.0, 1.0, 0.0], answers)
    assert {*METRICS["regression"]} <= {*regression}
    assert {*METRICS["classification"]} <= {*classification}
    assert {*get_args(Metric)} == {*METRICS["regression"], *METRICS["classification"]}
    assert {*classification, *regression} >= HIGHER_IS_BETTER
    assert {*classification} >= LABEL_METRICS


def test_task_has_a_default_metric() -> None:
    """The default is the error in the target's unit for numbers and the area under the ROC curve for classes."""
    assert metric_of(orchard_config()) == "rmse"
    assert metric_of(seedling_config()) == "roc_auc"
    assert metric_of(seedling_config(selection={"metric": "f1"})) == "f1"


def test_better_knows_the_direction() -> None:
    """A lower error and a higher score are better; equal values are not."""
    assert better("rmse", 1.0, 2.0)
    assert better("roc_auc", 0.9, 0.8)
    assert not better("rmse", 2.0, 1.0)
    assert not better("f1", 0.5, 0.5)
