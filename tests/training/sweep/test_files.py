"""What a sweep leaves can be read back exactly."""

from __future__ import annotations

import csv
import io
import json

import yaml

from tests.training.orchards import orchard_config
from tests.training.sweep.made_up import made_up
from training.config import Decisions, Range
from training.sweep.files import as_json, best_params, trials_csv

SPACE = {"x": Range(low=0, high=1)}
TRIED = [
    made_up(0, 5.0, cost=True),
    made_up(1, None),
    made_up(2, 3.0, reason="one row takes 900 µs", cost=True),
    made_up(3, 4.0, cost=True, params={"x": 0.30000000000000004}),
]


def test_best_params_are_read_back_exactly() -> None:
    """The file is a ``Decisions`` for the next stage, with a head for people."""
    config = orchard_config()
    decisions = config.decisions()
    text = best_params(config, decisions, TRIED, "rmse", "orchard-1", "All 4 trials ran.")
    assert Decisions.model_validate(yaml.safe_load(text)) == decisions
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert "the best of 4 sets of parameters. All 4 trials ran." in head[0]
    assert "rmse 4 ± 0.25" in head[1]
    assert "trial 3" in head[1]
    assert "began with rmse 5 ± 0.25" in head[2]
    assert "Seed 42, study orchard-1" in head[3]


def test_best_params_are_stable() -> None:
    """The keys are sorted, so that two files differ where something differs."""
    config = orchard_config()
    text = best_params(config, config.decisions(), [], "rmse", "orchard-1", "Nothing.")
    keys = [line.split(":")[0] for line in text.splitlines() if line and line[0].isalpha()]
    assert keys == sorted(keys)
    assert len([line for line in text.splitlines() if line.startswith("#")]) == 2


def test_trials_are_a_table() -> None:
    """One row for each trial; numbers are read back as they were."""
    rows = list(csv.DictReader(io.StringIO(trials_csv(TRIED, SPACE))))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[3]["x"]) == 0.30000000000000004
    assert rows[1]["value"] == ""
    assert rows[1]["single_row_us"] == ""
    assert rows[2]["reason"] == "one row takes 900 µs"
    assert next(iter(csv.reader(io.StringIO(trials_csv([], SPACE)))))[:2] == ["trial", "value"]


def test_figures_count_what_was_tried() -> None:
    """Whole, early ended and refused trials are told apart, and first and best stand beside each other."""
    found = as_json(orchard_config(), TRIED, "rmse", "orchard-1", "All.")
    assert found["trials"] == {"asked": 30, "tried": 4, "whole": 3, "ended_early": 1, "not_eligible": 1}
    assert found["first"]["value"] == 5.0
    assert found["best"]["trial"] == 3
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_figures_without_trials() -> None:
    """Nothing tried is no figure, not a zero."""
    found = as_json(orchard_config(), [], "rmse", "orchard-1", "Nothing.")
    assert found["first"] is None
    assert found["best"] is None
