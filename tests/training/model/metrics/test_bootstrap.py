"""The bootstrap computes with weights the same metrics as on repeated rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import ModelConfig
from training.model.metrics import bootstrap_intervals, bootstrap_values, measure

Array = NDArray[np.float64]


def three_classes() -> ModelConfig:
    """Return the seedlings' config with a third class."""
    labels = ("alive", "dead", "eaten")
    classes = [{"value": label, "label": label} for label in labels]
    config = seedling_config()
    data = {**config.model_dump(), "decision": {"by": "most_probable"}}
    data["target"] = {**data["target"], "classes": classes}
    data["gate"] = {}
    return ModelConfig.model_validate(data)


def regression_rows(rows: int) -> tuple[Array, Array]:
    """Return actual values, some of them 0, some equal, and predictions."""
    generator = np.random.default_rng(3)
    actual = np.where(generator.random(rows) < 0.1, 0.0, np.round(generator.lognormal(3, 1, rows)) + 1)
    return actual, actual * generator.lognormal(0, 0.1, rows) + generator.normal(0, 1, rows)


def class_rows(rows: int, classes: int) -> tuple[Array, Array]:
    """Return indices of classes and answers, with probabilities in steps so that many are equal."""
    generator = np.random.default_rng(4)
    truth = generator.integers(0, classes, rows).astype(np.float64)
    raw = np.round(generator.random((rows, classes)), 1) + 0.1
    raw[np.arange(rows), truth.astype(int)] += 0.3
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return truth, np.c_[probabilities.argmax(axis=1), probabilities]


def sampled_rows(rows: int, resamples: int, seed: int) -> list[NDArray[np.intp]]:
    """Return the rows of each draw, by the same generator."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, rows, rows) for _ in range(resamples)]


@pytest.mark.parametrize("rows", [40, 41])
def test_each_draw_has_the_metrics_of_its_rows(rows: int) -> None:
    """For numbers, two classes and three, every metric of every draw equals the metric of the sampled rows."""
    for config, (truth, answers) in (
        (orchard_config(), regression_rows(rows)),
        (seedling_config(), class_rows(rows, 2)),
        (three_classes(), class_rows(rows, 3)),
    ):
        values = bootstrap_values(config, truth, answers, resamples=20)
        for draw, indices in enumerate(sampled_rows(rows, 20, config.seed)):
            expected = measure(config, truth[indices], answers[indices])
            assert {name: values[name][draw] for name in values} == pytest.approx(expected, rel=1e-9)


def test_interval_contains_the_metric_and_shrinks_with_rows() -> None:
    """The metric of all rows is inside; four times the rows give about half the width."""
    widths = []
    for rows in (200, 800):
        truth, answers = regression_rows(rows)
        intervals = bootstrap_intervals(orchard_config(), truth, answers, resamples=300)
        figures = measure(orchard_config(), truth, answers)
        for name, (low, high) in intervals.items():
            assert low <= figures[name] <= high
        widths.append(intervals["mae"][1] - intervals["mae"][0])
    assert 1.4 < widths[0] / widths[1] < 2.9


def test_more_confidence_is_wider() -> None:
    """An interval of 99% contains the interval of 80%."""
    truth, answers = class_rows(100, 2)
    wide, narrow = (bootstrap_intervals(seedling_config(), truth, answers, level, 200) for level in (0.99, 0.8))
    for name in wide:
        assert wide[name][0] <= narrow[name][0] <= narrow[name][1] <= wide[name][1]


def test_draws_are_the_same_for_two_models() -> None:
    """The draws do not depend on the answers: a model has no difference to itself."""
    truth, answers = class_rows(60, 2)
    first, second = (bootstrap_values(seedling_config(), truth, answers, 50) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    other = bootstrap_values(seedling_config(seed=7), truth, answers, 50)
    assert not np.array_equal(first["accuracy"], other["accuracy"])


def test_draws_without_a_class_are_ignored() -> None:
    """With one positive row many draws have none; the area under the curve is not defined there."""
    truth = np.array([1.0, *[0.0] * 9])
    answers = np.c_[truth, 1 - truth * 0.8, truth * 0.8]
    values = bootstrap_values(seedling_config(), truth, answers, 100)["roc_auc"]
    assert 0 < np.isnan(values).sum() < 100
    assert bootstrap_intervals(seedling_config(), truth, answers, resamples=100)["roc_auc"] == (1.0, 1.0)


def test_many_rows_are_drawn_in_blocks() -> None:
    """If the weights of all draws exceed the memory limit, they are computed in blocks and stay the same."""
    truth, answers = regression_rows(30_000)
    values = bootstrap_values(orchard_config(), truth, answers, resamples=200)
    indices = sampled_rows(30_000, 200, 42)[-1]
    assert values["rmse"].shape == (200,)
    assert values["rmse"][-1] == pytest.approx(measure(orchard_config(), truth[indices], answers[indices])["rmse"])


@pytest.mark.parametrize(("confidence", "resamples"), [(0.0, 10), (1.0, 10), (0.9, 0)])
def test_impossible_intervals_are_refused(confidence: float, resamples: int) -> None:
    """A confidence outside (0, 1) and a number of draws below 1 are refused."""
    with pytest.raises(ValueError, match="expected"):
        bootstrap_intervals(orchard_config(), [1.0, 2.0], [1.0, 2.0], confidence, resamples)
