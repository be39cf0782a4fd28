"""A sweep's pictures are drawn whatever was tried."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import optuna
import pytest

from tests.training.orchards import orchard_config
from tests.training.studies.sweep.synthetic_trials import make_trial
from training.config import Range
from training.report.sweep.files import summarize_sweep
from training.report.sweep.plots import plot_history, plot_importance, plot_parallel
from training.studies.sweep.importance import compute_importances
from training.studies.sweep.search import FinishedTrial

SPACE = {
    "leaf": Range(low=1, high=100, log=True, integer=True),
    "rate": Range(low=0.0, high=1.0),
    "sort": Range(choices=("a", None, True)),
}
TRIALS = [
    make_trial(0, 5.0, params={"leaf": 10, "rate": 0.5, "sort": "a"}),
    make_trial(1, None, params={"leaf": 90, "rate": 0.1, "sort": None}),
    make_trial(2, 4.0, params={"leaf": 20, "rate": 0.2, "sort": None}),
    make_trial(3, 3.0, reason="too slow", params={"leaf": 30, "rate": 1.0, "sort": True}),
    make_trial(4, 90.0, params={"rate": 0.9, "sort": "a"}),
]


@pytest.mark.parametrize("metric", ["rmse", "r2"])
@pytest.mark.parametrize("trials", [TRIALS, TRIALS[:1], TRIALS[1:2], []])
def test_pictures_are_drawn(metric: str, trials: list[FinishedTrial], tmp_path: Path) -> None:
    """Many trials, one trial, no complete trial and no trial at all can be drawn, also with values outside their ranges."""
    plot_history(orchard_config(), trials, metric, tmp_path / "history.png")
    plot_parallel(orchard_config(), trials, SPACE, metric, tmp_path / "parallel.png")
    for name in ("history.png", "parallel.png"):
        assert matplotlib.image.imread(tmp_path / name).shape[0] > 400


def test_importance_is_drawn(tmp_path: Path) -> None:
    """The plot has bars, or a sentence without shares."""
    plot_importance(orchard_config(), {"leaf": 0.7, "rate": 0.3}, "rmse", tmp_path / "some.png")
    plot_importance(orchard_config(), {}, "rmse", tmp_path / "none.png")
    assert (tmp_path / "some.png").read_bytes() != (tmp_path / "none.png").read_bytes()


def test_picture_shows_the_trials(tmp_path: Path) -> None:
    """Another score gives another picture."""
    pictures = []
    for value in (4.0, 4.5):
        plot_history(orchard_config(), [TRIALS[0], make_trial(1, value)], "rmse", tmp_path / "history.png")
        pictures.append((tmp_path / "history.png").read_bytes())
    assert pictures[0] != pictures[1]


def _study(values: list[float]) -> optuna.Study:
    study = optuna.create_study()
    spread = {"x": optuna.distributions.FloatDistribution(0, 9), "y": optuna.distributions.FloatDistribution(0, 9)}
    for number, value in enumerate(values):
        params = {"x": value, "y": float(7 * number % 5)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=spread, value=value))
    return study


def test_deciding_parameter_is_important() -> None:
    """The score equals one parameter, so the other parameter explains little; the same seed gives the same shares."""
    shares = compute_importances(_study([float(index % 9) for index in range(20)]), 1)
    assert list(shares) == ["x", "y"]
    assert shares["x"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert compute_importances(_study([float(index % 9) for index in range(20)]), 1) == shares


@pytest.mark.parametrize("values", [[], [1.0, 2.0, 3.0], [2.0] * 9])
def test_few_trials_have_no_importances(values: list[float]) -> None:
    """Few trials, or trials with equal scores, have no importances."""
    assert compute_importances(_study(values), 1) == {}


def test_summary_has_the_gain() -> None:
    """One sentence has the first and the best score."""
    assert summarize_sweep(TRIALS, "rmse") == "From rmse 5 to 4 (trial 2)."
    assert summarize_sweep(TRIALS[:1], "rmse") == "No trial is better than the first one, rmse 5."
    assert summarize_sweep(TRIALS[3:4], "rmse") == "No trial is within the budget."
    assert summarize_sweep([TRIALS[3], make_trial(1, 6.0)], "rmse") == "From rmse 3 to 6 (trial 1)."
