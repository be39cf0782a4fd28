"""The stage ``select`` hands on the best estimator within the budget and leaves a table, figures and pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.progress import Progress, silence
from training.stages.selection_study import FIGURES_FILE, OVERFITTING_FILE, PARETO_FILE, TABLE_FILE, select
from training.studies.errors import SelectionError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_measurements")]

SMALL: dict[str, Any] = {"kinds": ["ridge", "decision_tree"], "folds": 3, "repeats": 1}


def _figures(folder: Path) -> dict[str, Any]:
    decisions: dict[str, Any] = json.loads((folder / FIGURES_FILE).read_text(encoding="utf-8"))
    return decisions


def _without_time(figures: dict[str, Any]) -> dict[str, Any]:
    for entry in figures["candidates"]:
        entry.pop("cost", None)
        entry.pop("reason", None)
    return figures


def _select(config: ModelConfig, folder: Path, rows: int = 160) -> Any:
    frame = orchard_frame(rows) if config.name == "orchard" else seedling_frame(rows)
    return select(config, frame, config.decisions(), folder, silence(), n_jobs=1)


def test_regression_is_chosen_by_its_error(tmp_path: Path) -> None:
    """The linear model fits the orchard's logarithm best; the other decisions stay."""
    config = orchard_config(selection=SMALL)
    decisions = _select(config, tmp_path)
    assert decisions.estimator.kind == "ridge"
    assert decisions == config.decisions().model_copy(update={"estimator": decisions.estimator})
    assert {path.name for path in tmp_path.iterdir()} == {TABLE_FILE, FIGURES_FILE, PARETO_FILE, OVERFITTING_FILE}
    figures = _figures(tmp_path)
    assert figures["metric"] == "rmse"
    assert figures["compared"] == ["own", "dummy", "ridge", "decision_tree"]
    assert figures["chosen"] == "ridge"


def test_classification_is_chosen_by_its_area(tmp_path: Path) -> None:
    """Classes are compared by the area under the ROC curve, on folds with equal shares of each."""
    config = seedling_config(selection={**SMALL, "kinds": ["logistic_regression", "decision_tree"]})
    decisions = _select(config, tmp_path, 200)
    figures = _figures(tmp_path)
    assert figures["metric"] == "roc_auc"
    means = {entry["name"]: entry["scores"]["mean"] for entry in figures["candidates"]}
    assert means[figures["chosen"]] == max(means.values())
    assert decisions.estimator.kind == "logistic_regression"


def test_two_runs_give_equal_scores(tmp_path: Path) -> None:
    """Two runs give equal scores in every fold; only times differ."""
    config = orchard_config(selection=SMALL)
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        decisions = _select(config, tmp_path / name)
        results.append((decisions, _without_time(_figures(tmp_path / name))))
    assert results[0] == results[1]


def test_candidate_over_the_budget_cannot_win(tmp_path: Path) -> None:
    """A graph that is too large cannot win, whatever its score."""
    config = orchard_config(
        selection={
            **SMALL,
            "kinds": ["ridge"],
            "candidates": [{"name": "big", "estimator": {"kind": "random_forest", "target": "log"}}],
            "model_mib_max": 0.009,
        },
        estimator={"kind": "dummy"},
    )
    decisions = _select(config, tmp_path)
    assert decisions.estimator.kind == "ridge"
    entry = next(entry for entry in _figures(tmp_path)["candidates"] if entry["name"] == "big")
    assert entry["status"] == "over budget"
    assert "MiB" in entry["reason"]


def test_refused_candidate_is_shown_with_the_reason(tmp_path: Path) -> None:
    """Neighbours after similarities to clusters cannot be exported: they are in the table and do not win."""
    config = orchard_config(selection={**SMALL, "kinds": ["ridge", "knn"]})
    decisions = _select(config, tmp_path)
    assert decisions.estimator.kind == "ridge"
    entries = {entry["name"]: entry for entry in _figures(tmp_path)["candidates"]}
    assert entries["knn"]["status"] == "not exportable"
    assert "knn: not exportable; step" in (tmp_path / TABLE_FILE).read_text(encoding="utf-8")


def test_nothing_within_the_budget_ends_the_run(tmp_path: Path) -> None:
    """If no candidate is within the budget, the error has the measured costs and no file is written."""
    config = orchard_config(selection={**SMALL, "kinds": ["ridge"], "single_row_us_max": 0.001})
    with pytest.raises(SelectionError, match=r"within the budget[\s\S]*ridge: one row takes"):
        _select(config, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_after_the_minutes_nothing_begins(tmp_path: Path) -> None:
    """The own estimator is always compared; skipped candidates are named in the file and on the terminal."""
    config = orchard_config(selection={**SMALL, "minutes": 1e-9})
    out, err = io.StringIO(), io.StringIO()
    decisions = select(
        config, orchard_frame(160), config.decisions(), tmp_path, Progress(out, err, heartbeat_s=600), n_jobs=1
    )
    assert decisions == config.decisions()
    figures = _figures(tmp_path)
    assert figures["compared"] == ["own", "dummy"]
    assert figures["not_begun"] == ["ridge", "decision_tree"]
    assert "ridge, decision_tree" in err.getvalue()
    assert "Chosen: own" in out.getvalue()


def test_useless_features_are_warned_of(tmp_path: Path) -> None:
    """A warning is printed if no candidate is better than the baseline."""
    config = orchard_config(
        selection={"kinds": [], "folds": 3, "repeats": 1},
        estimator={"kind": "decision_tree", "params": {"min_samples_leaf": 1}},
    )
    frame = orchard_frame(120)
    frame["apples"] = frame["apples"].sample(frac=1.0, random_state=1).to_numpy()
    err = io.StringIO()
    select(config, frame, config.decisions(), tmp_path, Progress(io.StringIO(), err, heartbeat_s=600), n_jobs=1)
    assert "better than the baseline" in err.getvalue()


def test_candidate_that_cannot_be_fitted_has_a_reason(tmp_path: Path) -> None:
    """A candidate that fails gives a warning, and the other candidates are compared."""
    greedy = {"name": "greedy", "estimator": {"kind": "knn", "target": "log", "params": {"n_neighbors": 900}}}
    config = orchard_config(selection={**SMALL, "kinds": ["ridge"], "candidates": [greedy]})
    err = io.StringIO()
    progress = Progress(io.StringIO(), err, heartbeat_s=600)
    decisions = select(config, orchard_frame(120), config.decisions(), tmp_path, progress, n_jobs=1)
    assert decisions.estimator.kind == "ridge"
    assert "greedy:" in err.getvalue()
