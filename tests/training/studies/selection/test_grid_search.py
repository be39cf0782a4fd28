"""Grids are searched in turns within the minutes, and only combinations that may be chosen are measured."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from training.config import ModelConfig
from training.model.cross_validation import make_folds
from training.progress import Progress, silence
from training.stages.selection_study import FIGURES_FILE, TABLE_FILE, select
from training.studies.selection.grid_search import GridResult, search_grids
from training.studies.selection.grids import list_families

pytestmark = pytest.mark.slow

GRIDS = [
    {"kind": "ridge", "params": {"alpha": [0.01, 1.0, 1e6]}},
    {"kind": "decision_tree", "params": {"max_depth": [1, 4]}},
]


def _config(**selection: object) -> ModelConfig:
    return orchard_config(selection={"kinds": [], "grids": GRIDS, "folds": 3, "repeats": 1, **selection})


def _search(config: ModelConfig, minutes: float = 1.0) -> list[GridResult]:
    frame = orchard_frame(90)
    return search_grids(
        config,
        frame,
        config.decisions(),
        list_families(config, config.estimator),
        [],
        make_folds(config, frame, 3, 1),
        silence(),
        time.monotonic() + 60 * minutes,
        n_jobs=1,
    )


def test_best_of_each_family_is_measured() -> None:
    """All combinations have scores, the best first, and one combination of each family has a cost."""
    ridge, tree = _search(_config(metric="mae"))
    means = [item.scores.mean("mae") for item in ridge.items if item.scores]
    assert len(means) == 3
    assert means == sorted(means)
    for result in (ridge, tree):
        assert result.items[0].status == "eligible"
        assert {item.status for item in result.items[1:]} == {"not measured"}
        assert [item.cost is not None for item in result.items] == [True] + [False] * (len(result.items) - 1)


def test_over_budget_tries_the_next_best() -> None:
    """The next best combination is measured until one is within the budget."""
    ridge, tree = _search(_config(single_row_us_max=0.001))
    assert {item.status for item in (*ridge.items, *tree.items)} == {"over budget"}


def test_after_the_deadline_nothing_begins() -> None:
    """Combinations that were not reached have this status and no cost."""
    for result in _search(_config(), minutes=0):
        assert {item.status for item in result.items} == {"not begun"}
        assert "were over" in result.items[0].reason
        assert result.measured == ()


def test_winner_comes_from_a_grid(tmp_path: Path) -> None:
    """The best combination is the decision, and the table, the file and the terminal have each grid."""
    config = _config().model_copy(update={"estimator": orchard_config().estimator.model_copy(update={"kind": "dummy"})})
    out = io.StringIO()
    progress = Progress(out, io.StringIO(), heartbeat_s=600)
    results = select(config, orchard_frame(90), config.decisions(), tmp_path, progress, n_jobs=1)
    assert results.estimator.kind == "ridge"
    assert results.estimator.params["alpha"] in (0.01, 1.0)
    figures = json.loads((tmp_path / FIGURES_FILE).read_text(encoding="utf-8"))
    assert [(grid["kind"], grid["combinations"], grid["compared"]) for grid in figures["grids"]] == [
        ("ridge", 3, 3),
        ("decision_tree", 2, 2),
    ]
    assert figures["chosen"].startswith("ridge grid")
    table = (tmp_path / TABLE_FILE).read_text(encoding="utf-8")
    assert "## Grids" in table
    assert "max_depth=" in table
    assert "decision_tree" in out.getvalue()


def test_counts_are_reported_when_the_minutes_are_over(tmp_path: Path) -> None:
    """The warning has the number of combinations of each family that were not reached, not their names."""
    config = _config(grids=[], built_in_grids=True, minutes=1e-9)
    err = io.StringIO()
    select(
        config, orchard_frame(90), config.decisions(), tmp_path, Progress(io.StringIO(), err, heartbeat_s=600), n_jobs=1
    )
    assert "300 of 300" in err.getvalue()
    assert "random_forest grid: 180 of 180 combinations were not reached" in err.getvalue().replace(" !\n! ", " ")
    assert "grid 17" not in err.getvalue()


def test_overfitting_winner_is_warned_of(tmp_path: Path) -> None:
    """A winner whose training score is far better than its validation score is reported with both scores."""
    grids = [{"kind": "decision_tree", "params": {"min_samples_leaf": [1]}}]
    config = orchard_config(
        selection={"kinds": [], "grids": grids, "folds": 3, "repeats": 1}, estimator={"kind": "dummy", "target": "log"}
    )
    err = io.StringIO()
    select(
        config, orchard_frame(60), config.decisions(), tmp_path, Progress(io.StringIO(), err, heartbeat_s=600), n_jobs=1
    )
    assert "decision_tree grid 1 overfits" in err.getvalue()


def test_combination_that_fails_is_reported(tmp_path: Path) -> None:
    """One impossible value does not end the search; the message names it."""
    grids = [{"kind": "knn", "params": {"n_neighbors": [3, 5000]}}]
    config = orchard_config(selection={"kinds": [], "grids": grids, "folds": 3, "repeats": 1})
    err = io.StringIO()
    select(
        config, orchard_frame(60), config.decisions(), tmp_path, Progress(io.StringIO(), err, heartbeat_s=600), n_jobs=1
    )
    assert "1 could not be fitted (knn grid 2" in err.getvalue().replace(" !\n! ", " ")


@pytest.mark.parametrize("grids", [[], ()])
def test_without_grids_nothing_is_searched(grids: object) -> None:
    """A config without grids gives no results of grids."""
    assert _search(_config(grids=grids)) == []
