"""The stage ``sweep`` hands on the best parameters and leaves them in a file, with what was tried and three pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import Decisions, Estimator, ModelConfig
from training.model.cross_validation import SMALL_REPEATS, cross_validate, make_folds
from training.model.estimators import default_stack
from training.progress import Progress, silence
from training.stages.sweep_study import (
    BEST_FILE,
    FIGURES_FILE,
    HISTORY_FILE,
    IMPORTANCE_FILE,
    PARALLEL_FILE,
    TRIALS_FILE,
    sweep,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_measurements")]

ALL_FILES = {BEST_FILE, FIGURES_FILE, HISTORY_FILE, IMPORTANCE_FILE, PARALLEL_FILE, TRIALS_FILE}
RIDGE: dict[str, Any] = {"kind": "ridge", "target": "log", "params": {"alpha": 900.0}}
SMALL: dict[str, Any] = {"trials": 6, "folds": 2}


def _figures(folder: Path) -> dict[str, Any]:
    decisions: dict[str, Any] = json.loads((folder / FIGURES_FILE).read_text(encoding="utf-8"))
    return decisions


def _sweep(config: ModelConfig, folder: Path, **options: Any) -> Decisions:
    frame = orchard_frame(100) if config.name == "orchard" else seedling_frame(150)
    folder.mkdir(exist_ok=True)
    return sweep(config, frame, config.decisions(), folder, silence(), n_jobs=1, **options)


def test_regression_improves(tmp_path: Path) -> None:
    """The sweep corrects a much too strong penalty, and the file has the new decisions."""
    config = orchard_config(estimator=RIDGE, sweep=SMALL)
    decisions = _sweep(config, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES
    figures = _figures(tmp_path)
    assert figures["best"]["value"] < figures["first"]["value"]
    assert decisions.estimator.params == figures["best"]["params"]
    assert decisions == config.decisions().model_copy(update={"estimator": decisions.estimator})
    text = (tmp_path / BEST_FILE).read_text(encoding="utf-8")
    assert Decisions.model_validate(yaml.safe_load(text)) == decisions


def test_figures_are_those_of_the_cross_validation(tmp_path: Path) -> None:
    """The new decisions, cross-validated on the same folds, have the score of the file."""
    config = orchard_config(estimator=RIDGE, sweep=SMALL)
    decisions, frame = _sweep(config, tmp_path), orchard_frame(100)
    folds = make_folds(config, frame, 2, SMALL_REPEATS)
    scores = cross_validate(config, frame, decisions, folds, n_jobs=1)
    figures = _figures(tmp_path)
    assert scores.mean("rmse") == pytest.approx(figures["best"]["value"], rel=1e-12)
    assert scores.standard_error("rmse") == pytest.approx(figures["best"]["standard_error"], rel=1e-9)


def test_classification_is_swept_with_halving(tmp_path: Path) -> None:
    """Boosted trees are grown rung by rung; the result is not worse than the incoming parameters."""
    config = seedling_config(sweep={"trials": 6, "folds": 2, "pruner": "successive_halving"})
    decisions = _sweep(config, tmp_path)
    figures = _figures(tmp_path)
    assert figures["metric"] == "roc_auc"
    assert figures["best"]["value"] >= figures["first"]["value"]
    assert figures["trials"]["tried"] == 6
    assert decisions.estimator.kind == "hist_gradient_boosting"


def test_two_sweeps_are_equal(tmp_path: Path) -> None:
    """Best parameters and every trial are equal; only times differ."""
    config = seedling_config(sweep={"trials": 5, "folds": 2})
    parts = []
    for name in ("first", "second"):
        decisions = _sweep(config, tmp_path / name)
        rows = [
            line.split(",")[:10] for line in (tmp_path / name / TRIALS_FILE).read_text(encoding="utf-8").splitlines()
        ]
        parts.append((decisions, rows, (tmp_path / name / BEST_FILE).read_bytes()))
    assert parts[0] == parts[1]


def test_stored_sweep_continues(tmp_path: Path) -> None:
    """A sweep with more trials keeps its stored trials, and its result equals that of a single sweep."""
    storage = tmp_path / "sweep.db"
    short_sweep = orchard_config(estimator=RIDGE, sweep={**SMALL, "trials": 3})
    long_sweep = orchard_config(estimator=RIDGE, sweep=SMALL)
    _sweep(short_sweep, tmp_path / "few", storage=storage)
    out = io.StringIO()
    (tmp_path / "more").mkdir()
    progress = Progress(out, io.StringIO(), heartbeat_s=600)
    decisions = sweep(
        long_sweep, orchard_frame(100), long_sweep.decisions(), tmp_path / "more", progress, storage=storage, n_jobs=1
    )
    assert "3 trials of this study are stored already" in out.getvalue()
    assert "Trial 3, 4 of 6" in out.getvalue()
    assert "Trial 2, 3 of 6" not in out.getvalue()
    assert decisions == _sweep(long_sweep, tmp_path / "whole")


def test_budget_is_kept(tmp_path: Path) -> None:
    """If no trial is within the budget, the incoming parameters stay and a warning is printed."""
    config = orchard_config(estimator=RIDGE, sweep={**SMALL, "trials": 2}, selection={"model_mib_max": 1e-6})
    err = io.StringIO()
    progress = Progress(io.StringIO(), err, heartbeat_s=600)
    decisions = sweep(config, orchard_frame(80), config.decisions(), tmp_path, progress, n_jobs=1)
    assert decisions == config.decisions()
    assert "within the budget" in err.getvalue()
    assert _figures(tmp_path)["trials"]["not_eligible"] == 2
    assert _figures(tmp_path)["best"] is None


def test_minutes_end_the_sweep(tmp_path: Path) -> None:
    """The file has the number of trials before the time was over."""
    config = orchard_config(estimator=RIDGE, sweep={**SMALL, "minutes": 1e-9})
    assert _sweep(config, tmp_path) == config.decisions()
    assert _figures(tmp_path)["trials"]["tried"] == 1
    assert "1 of 6 trials ran before" in (tmp_path / BEST_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("estimator", "trials", "reason"),
    [(RIDGE, 0, "`sweep.trials` is 0"), (default_stack("regression").model_dump(), 5, "A stack has no parameters")],
)
def test_sweep_without_trials_or_parameters_keeps_the_decisions(
    estimator: Any, trials: int, reason: str, tmp_path: Path
) -> None:
    """Without trials or parameters the decisions stay, and the files are written anyway."""
    config = orchard_config(estimator=estimator, sweep={**SMALL, "trials": trials})
    assert _sweep(config, tmp_path) == config.decisions()
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES
    text = (tmp_path / BEST_FILE).read_text(encoding="utf-8")
    assert reason in text
    assert Decisions.model_validate(yaml.safe_load(text)) == config.decisions()


def test_voting_gets_weights(tmp_path: Path) -> None:
    """The members stay; a member with bad predictions gets a low weight."""
    members = [{"kind": "ridge"}, {"kind": "dummy"}]
    config = orchard_config(
        estimator={"kind": "voting", "target": "log", "members": members}, sweep={**SMALL, "trials": 12}
    )
    decisions = _sweep(config, tmp_path).estimator
    assert isinstance(decisions, Estimator)
    assert [member.kind for member in decisions.members] == ["ridge", "dummy"]
    assert decisions.members[1].weight < decisions.members[0].weight
    assert _figures(tmp_path)["best"]["value"] < _figures(tmp_path)["first"]["value"]
