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
from training.cross_validation import SMALL_REPEATS, cross_validate, make_folds
from training.estimators import default_stack
from training.progress import Progress, silence
from training.sweep.run import BEST_FILE, FIGURES_FILE, HISTORY_FILE, IMPORTANCE_FILE, PARALLEL_FILE, TRIALS_FILE, sweep

ALL_FILES = {BEST_FILE, FIGURES_FILE, HISTORY_FILE, IMPORTANCE_FILE, PARALLEL_FILE, TRIALS_FILE}
RIDGE: dict[str, Any] = {"kind": "ridge", "target": "log", "params": {"alpha": 900.0}}
SMALL: dict[str, Any] = {"trials": 6, "folds": 2}


def _figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FIGURES_FILE).read_text(encoding="utf-8"))
    return found


def _sweep(config: ModelConfig, folder: Path, **options: Any) -> Decisions:
    frame = orchard_frame(100) if config.name == "orchard" else seedling_frame(150)
    folder.mkdir(exist_ok=True)
    return sweep(config, frame, config.decisions(), folder, silence(), n_jobs=1, **options)


def test_regression_gets_better(tmp_path: Path) -> None:
    """A penalty that is much too strong is found to be so, and the file says what is handed on."""
    config = orchard_config(estimator=RIDGE, sweep=SMALL)
    found = _sweep(config, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES
    figures = _figures(tmp_path)
    assert figures["best"]["value"] < figures["first"]["value"]
    assert found.estimator.params == figures["best"]["params"]
    assert found == config.decisions().model_copy(update={"estimator": found.estimator})
    text = (tmp_path / BEST_FILE).read_text(encoding="utf-8")
    assert Decisions.model_validate(yaml.safe_load(text)) == found


def test_figures_are_those_of_the_cross_validation(tmp_path: Path) -> None:
    """What is handed on has, cross-validated on the same folds, the figure that stands in the file."""
    config = orchard_config(estimator=RIDGE, sweep=SMALL)
    found, frame = _sweep(config, tmp_path), orchard_frame(100)
    folds = make_folds(config, frame, 2, SMALL_REPEATS)
    scores = cross_validate(config, frame, found, folds, n_jobs=1)
    figures = _figures(tmp_path)
    assert scores.mean("rmse") == pytest.approx(figures["best"]["value"], rel=1e-12)
    assert scores.standard_error("rmse") == pytest.approx(figures["best"]["standard_error"], rel=1e-9)


def test_classification_is_swept_with_halving(tmp_path: Path) -> None:
    """Boosted trees are grown rung by rung; what is found is no worse than what came in."""
    config = seedling_config(sweep={"trials": 6, "folds": 2, "pruner": "successive_halving"})
    found = _sweep(config, tmp_path)
    figures = _figures(tmp_path)
    assert figures["metric"] == "roc_auc"
    assert figures["best"]["value"] >= figures["first"]["value"]
    assert figures["trials"]["tried"] == 6
    assert found.estimator.kind == "hist_gradient_boosting"


def test_two_sweeps_find_the_same(tmp_path: Path) -> None:
    """Best parameters and every trial are equal; only times differ."""
    config = seedling_config(sweep={"trials": 5, "folds": 2})
    parts = []
    for name in ("first", "second"):
        found = _sweep(config, tmp_path / name)
        rows = [
            line.split(",")[:10] for line in (tmp_path / name / TRIALS_FILE).read_text(encoding="utf-8").splitlines()
        ]
        parts.append((found, rows, (tmp_path / name / BEST_FILE).read_bytes()))
    assert parts[0] == parts[1]


def test_stored_sweep_goes_on(tmp_path: Path) -> None:
    """A sweep that asks for more trials keeps those that it has, and ends as if it had been one."""
    storage = tmp_path / "sweep.db"
    few = orchard_config(estimator=RIDGE, sweep={**SMALL, "trials": 3})
    many = orchard_config(estimator=RIDGE, sweep=SMALL)
    _sweep(few, tmp_path / "few", storage=storage)
    out = io.StringIO()
    (tmp_path / "more").mkdir()
    progress = Progress(out, io.StringIO(), heartbeat_s=600)
    found = sweep(many, orchard_frame(100), many.decisions(), tmp_path / "more", progress, storage=storage, n_jobs=1)
    assert "3 trials of this study are stored already" in out.getvalue()
    assert "Trial 3, 4 of 6" in out.getvalue()
    assert "Trial 2, 3 of 6" not in out.getvalue()
    assert found == _sweep(many, tmp_path / "whole")


def test_budget_is_kept(tmp_path: Path) -> None:
    """Where nothing keeps the budget, what came in stays and somebody is told."""
    config = orchard_config(estimator=RIDGE, sweep={**SMALL, "trials": 2}, selection={"model_mib_max": 1e-6})
    err = io.StringIO()
    progress = Progress(io.StringIO(), err, heartbeat_s=600)
    found = sweep(config, orchard_frame(80), config.decisions(), tmp_path, progress, n_jobs=1)
    assert found == config.decisions()
    assert "keeps the budget" in err.getvalue()
    assert _figures(tmp_path)["trials"]["not_eligible"] == 2
    assert _figures(tmp_path)["best"] is None


def test_minutes_end_the_sweep(tmp_path: Path) -> None:
    """The file says how many trials ran before the time was over."""
    config = orchard_config(estimator=RIDGE, sweep={**SMALL, "minutes": 1e-9})
    assert _sweep(config, tmp_path) == config.decisions()
    assert _figures(tmp_path)["trials"]["tried"] == 1
    assert "1 of 6 trials ran before" in (tmp_path / BEST_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("estimator", "trials", "why"),
    [(RIDGE, 0, "`sweep.trials` is 0"), (default_stack("regression").model_dump(), 5, "A stack has no parameters")],
)
def test_nothing_to_sweep_is_said(estimator: Any, trials: int, why: str, tmp_path: Path) -> None:
    """Without trials or parameters everything stays, and the files are there all the same."""
    config = orchard_config(estimator=estimator, sweep={**SMALL, "trials": trials})
    assert _sweep(config, tmp_path) == config.decisions()
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES
    text = (tmp_path / BEST_FILE).read_text(encoding="utf-8")
    assert why in text
    assert Decisions.model_validate(yaml.safe_load(text)) == config.decisions()


def test_voting_gets_weights(tmp_path: Path) -> None:
    """The members stay as they are; a member that answers badly gets little weight."""
    members = [{"kind": "ridge"}, {"kind": "dummy"}]
    config = orchard_config(
        estimator={"kind": "voting", "target": "log", "members": members}, sweep={**SMALL, "trials": 12}
    )
    found = _sweep(config, tmp_path).estimator
    assert isinstance(found, Estimator)
    assert [member.kind for member in found.members] == ["ridge", "dummy"]
    assert found.members[1].weight < found.members[0].weight
    assert _figures(tmp_path)["best"]["value"] < _figures(tmp_path)["first"]["value"]
