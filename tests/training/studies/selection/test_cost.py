"""The cost of a candidate is that of its real graph, and the budget is checked against it."""

from __future__ import annotations

import pytest

from tabento.export import ExportError
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import Selection
from training.studies.selection.cost import Cost, excess, explain_doubt, explain_excess, measure_cost

COST = Cost(single_row_us=100.0, batch_us=900.0, model_mib=2.0, fit_s=0.1)


def test_a_real_graph_is_measured() -> None:
    """Times and size are those of an exported graph."""
    config = orchard_config()
    cost = measure_cost(config, orchard_frame(120), config.decisions())
    assert cost.single_row_us > 0
    assert cost.batch_us > 0
    assert 0 < cost.model_mib < 1
    assert cost.fit_s > 0


def test_classification_is_measured_without_its_threshold() -> None:
    """A class with few rows does not prevent the measurement: the threshold is not part of the cost."""
    config = seedling_config()
    frame = seedling_frame(60)
    rows = frame.drop(index=frame.index[frame["fate"] == 1][2:])
    assert measure_cost(config, rows, config.decisions()).single_row_us > 0


def test_estimator_that_cannot_be_exported_has_no_cost() -> None:
    """The exporter's error is raised with its step."""
    config = orchard_config(impute="knn")
    with pytest.raises(ExportError):
        measure_cost(config, orchard_frame(80), config.decisions())


def test_within_the_budget_nothing_is_exceeded() -> None:
    """A cost equal to the limit is within the budget, and a missing limit is not checked."""
    budget = Selection(single_row_us_max=100.0, batch_us_max=None, model_mib_max=2.0)
    assert excess(COST, budget) == {}
    assert explain_excess(COST, budget) == ""


def test_each_exceeded_limit_is_named() -> None:
    """The message has the cost and the limit."""
    budget = Selection(single_row_us_max=50.0, batch_us_max=300.0, model_mib_max=1.0)
    assert excess(COST, budget) == {"single_row_us_max": 2.0, "batch_us_max": 3.0, "model_mib_max": 2.0}
    text = explain_excess(COST, budget)
    assert "one row takes 100 µs, allowed 50" in text
    assert "32 rows take 900 µs, allowed 300" in text
    assert "the graph has 2.0 MiB, allowed 1" in text


def test_busy_computer_does_not_exclude_a_candidate() -> None:
    """A time that a busy computer might have doubled is only reported; the size is checked in any case."""
    budget = Selection(single_row_us_max=50.0, batch_us_max=300.0, model_mib_max=1.0)
    busy = COST.model_copy(update={"slowdown": 2.0})
    assert excess(busy, budget) == {"batch_us_max": 3.0, "model_mib_max": 2.0}
    assert "one row" not in explain_excess(busy, budget)
    assert (
        explain_doubt(busy, budget)
        == "one row took 100 µs, allowed 50; not checked against the limit, because the computer was busy"
    )
    assert explain_doubt(COST, budget) == ""
