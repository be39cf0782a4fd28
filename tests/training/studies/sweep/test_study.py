"""The stored study: named by what decides it, continued where it stopped, silent meanwhile."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.training.orchards import orchard_config, orchard_frame
from training.config import ModelConfig
from training.studies.errors import SweepError
from training.studies.sweep.spaces import build_space
from training.studies.sweep.study import make_pruner, make_sampler, open_study, study_id


def _id(config: ModelConfig, seed: int = 5) -> str:
    return study_id(config, orchard_frame(60, seed), config.decisions(), build_space(config, config.estimator))


def test_same_sweep_has_the_same_name() -> None:
    """More trials or minutes continue the existing study."""
    assert _id(orchard_config()) == _id(orchard_config(sweep={"trials": 99, "minutes": 1}))
    assert _id(orchard_config()).startswith("orchard-")


def test_another_sweep_has_another_name() -> None:
    """Data, seed, folds, pruner, budget, metric, space and decisions: each makes another study."""
    names = [
        _id(orchard_config()),
        _id(orchard_config(), seed=6),
        _id(orchard_config(seed=1)),
        _id(orchard_config(sweep={"folds": 3})),
        _id(orchard_config(sweep={"pruner": "none"})),
        _id(orchard_config(sweep={"space": {"max_iter": {"low": 10, "high": 20}}})),
        _id(orchard_config(selection={"single_row_us_max": 5})),
        _id(orchard_config(selection={"metric": "mae"})),
        _id(orchard_config(impute="median")),
    ]
    assert len(set(names)) == len(names)


def test_order_of_the_rows_matters() -> None:
    """The folds are positions, so the same rows in another order are another study."""
    config, frame = orchard_config(), orchard_frame(60)
    space = build_space(config, config.estimator)
    names = {study_id(config, part, config.decisions(), space) for part in (frame, frame.iloc[::-1])}
    assert len(names) == 2


def test_interrupted_trial_is_tried_again(tmp_path: Path) -> None:
    """Finished trials stay with their numbers; a trial that was running is removed, and its number is free."""
    place = tmp_path / "new" / "sweep.db"
    with open_study("orchard-1", "rmse", {"x": 0.5}, make_pruner("none"), place) as study:
        for _ in range(2):
            trial = study.ask()
            study.tell(trial, trial.suggest_float("x", 0, 1))
        study.ask().suggest_float("x", 0, 1)
    with open_study("orchard-1", "rmse", {"x": 0.5}, make_pruner("none"), place) as study:
        assert [trial.number for trial in study.trials] == [0, 1]
        assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
        assert study.trials[0].params == {"x": 0.5}
        assert study.ask().number == 2


def test_first_trial_is_kept_for_next_time(tmp_path: Path) -> None:
    """A sweep that was stopped in its first trial starts again with the incoming values."""
    place = tmp_path / "sweep.db"
    for _ in range(2):
        with open_study("orchard-1", "rmse", {"x": 0.25}, make_pruner("none"), place) as study:
            trial = study.ask()
            assert trial.number == 0
            assert trial.suggest_float("x", 0, 1) == 0.25


def test_other_studies_stay(tmp_path: Path) -> None:
    """A changed sweep starts a new study in the same file, and a reverted change finds its old trials."""
    place = tmp_path / "sweep.db"
    for name, before in (("a-1", 0), ("a-2", 0), ("a-1", 1)):
        with open_study(name, "r2", {}, make_pruner("none"), place) as study:
            assert len(study.trials) == before
            assert study.direction == optuna.study.StudyDirection.MAXIMIZE
            study.tell(study.ask(), 1.0)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    """The error about a damaged file has a remedy, and the file stays as it is."""
    place = tmp_path / "sweep.db"
    place.write_text("this is not a database, " * 100, encoding="utf-8")
    with (
        pytest.raises(SweepError, match=r"sweep\.db cannot be read or written[\s\S]*Delete the file"),
        open_study("a-1", "rmse", {}, make_pruner("none"), place),
    ):
        pass
    assert place.read_text(encoding="utf-8").startswith("this is not a database")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in place of the folder is an error."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(SweepError, match="cannot be read or written"),
        open_study("a-1", "rmse", {}, make_pruner("none"), tmp_path / "file" / "sweep.db"),
    ):
        pass


def test_verbosity_of_optuna_is_restored() -> None:
    """The verbosity of Optuna's log is restored after the sweep."""
    before = optuna.logging.get_verbosity()
    with open_study("a-1", "rmse", {}, make_pruner("none"), None):
        assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert optuna.logging.get_verbosity() == before


def test_pruners() -> None:
    """Each value of the config gives its own pruner."""
    assert isinstance(make_pruner("hyperband"), optuna.pruners.HyperbandPruner)
    assert isinstance(make_pruner("successive_halving"), optuna.pruners.SuccessiveHalvingPruner)
    assert isinstance(make_pruner("none"), optuna.pruners.NopPruner)


def test_sampler_depends_on_seed_and_number() -> None:
    """Equal trials of equal seeds sample equal values, another trial samples other values."""

    def sample_values(seed: int, number: int) -> float:
        study = optuna.create_study(sampler=make_sampler(seed, number))
        return float(study.ask().suggest_float("x", 0, 1))

    assert sample_values(1, 3) == sample_values(1, 3)
    assert len({sample_values(1, 3), sample_values(1, 4), sample_values(2, 3)}) == 3
