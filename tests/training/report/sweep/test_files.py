"""What a sweep leaves can be read back exactly."""

from __future__ import annotations

import csv
import io
import json

import yaml

from tests.training.orchards import orchard_config
from tests.training.studies.sweep.synthetic_trials import make_trial
from training.config import Decisions, Range
from training.report.sweep.files import render_best_params, render_trials, sweep_content

SPACE = {"x": Range(low=0, high=1)}
TRIALS = [
    make_trial(0, 5.0, cost=True),
    make_trial(1, None),
    make_trial(2, 3.0, reason="one row takes 900 µs", cost=True),
    make_trial(3, 4.0, cost=True, params={"x": 0.30000000000000004}),
]


def test_best_params_are_read_back_exactly() -> None:
    """The file is a ``Decisions`` for the next stage, with a comment for readers."""
    config = orchard_config()
    decisions = config.decisions()
    text = render_best_params(config, decisions, TRIALS, "rmse", "orchard-1", "All 4 trials ran.")
    assert Decisions.model_validate(yaml.safe_load(text)) == decisions
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert "the best of 4 sets of parameters. All 4 trials ran." in head[0]
    assert "rmse 4 ± 0.25" in head[1]
    assert "trial 3" in head[1]
    assert "first trial had rmse 5 ± 0.25" in head[2]
    assert "Seed 42, study orchard-1" in head[3]


def test_best_params_are_stable() -> None:
    """The keys are sorted, so that two files differ only in changed values."""
    config = orchard_config()
    text = render_best_params(config, config.decisions(), [], "rmse", "orchard-1", "Nothing.")
    keys = [line.split(":")[0] for line in text.splitlines() if line and line[0].isalpha()]
    assert keys == sorted(keys)
    assert len([line for line in text.splitlines() if line.startswith("#")]) == 2


def test_trials_are_a_table() -> None:
    """The table has one row for each trial, and its numbers are exact."""
    rows = list(csv.DictReader(io.StringIO(render_trials(TRIALS, SPACE))))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[3]["x"]) == 0.30000000000000004
    assert rows[1]["value"] == ""
    assert rows[1]["single_row_us"] == ""
    assert rows[2]["reason"] == "one row takes 900 µs"
    assert next(iter(csv.reader(io.StringIO(render_trials([], SPACE)))))[:2] == ["trial", "value"]


def test_json_counts_the_trials() -> None:
    """Complete, pruned and ineligible trials are counted, and the first and the best trial are listed."""
    content = sweep_content(orchard_config(), TRIALS, "rmse", "orchard-1", "All.")
    assert content["trials"] == {"asked": 30, "tried": 4, "whole": 3, "ended_early": 1, "not_eligible": 1}
    assert content["first"]["value"] == 5.0
    assert content["best"]["trial"] == 3
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_json_without_trials_has_null() -> None:
    """Without trials the values are null, not 0."""
    content = sweep_content(orchard_config(), [], "rmse", "orchard-1", "Nothing.")
    assert content["first"] is None
    assert content["best"] is None
