"""A sweep's pictures are drawn whatever was tried."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import optuna
import pytest

from tests.training.orchards import orchard_config
from tests.training.sweep.made_up import made_up
from training.config import Range
from training.sweep.plots import importances, plot_history, plot_importance, plot_parallel, summary
from training.sweep.search import Tried

SPACE = {
    "leaf": Range(low=1, high=100, log=True, integer=True),
    "rate": Range(low=0.0, high=1.0),
    "sort": Range(choices=("a", None, True)),
}
TRIED = [
    made_up(0, 5.0, params={"leaf": 10, "rate": 0.5, "sort": "a"}),
    made_up(1, None, params={"leaf": 90, "rate": 0.1, "sort": None}),
    made_up(2, 4.0, params={"leaf": 20, "rate": 0.2, "sort": None}),
    made_up(3, 3.0, reason="too slow", params={"leaf": 30, "rate": 1.0, "sort": True}),
    made_up(4, 90.0, params={"rate": 0.9, "sort": "a"}),
]


@pytest.mark.parametrize("metric", ["rmse", "r2"])
@pytest.mark.parametrize("tried", [TRIED, TRIED[:1], TRIED[1:2], []])
def test_pictures_are_drawn(metric: str, tried: list[Tried], tmp_path: Path) -> None:
    """Many trials, one, none that is whole, none at all; with values outside their range and without."""
    plot_history(orchard_config(), tried, metric, tmp_path / "history.png")
    plot_parallel(orchard_config(), tried, SPACE, metric, tmp_path / "parallel.png")
    for name in ("history.png", "parallel.png"):
        assert matplotlib.image.imread(tmp_path / name).shape[0] > 400


def test_importance_is_drawn(tmp_path: Path) -> None:
    """With shares there are bars, without there is a sentence."""
    plot_importance(orchard_config(), {"leaf": 0.7, "rate": 0.3}, "rmse", tmp_path / "some.png")
    plot_importance(orchard_config(), {}, "rmse", tmp_path / "none.png")
    assert (tmp_path / "some.png").read_bytes() != (tmp_path / "none.png").read_bytes()


def test_picture_shows_the_trials(tmp_path: Path) -> None:
    """Another figure gives another picture."""
    pictures = []
    for value in (4.0, 4.5):
        plot_history(orchard_config(), [TRIED[0], made_up(1, value)], "rmse", tmp_path / "history.png")
        pictures.append((tmp_path / "history.png").read_bytes())
    assert pictures[0] != pictures[1]


def _study(values: list[float]) -> optuna.Study:
    study = optuna.create_study()
    spread = {"x": optuna.distributions.FloatDistribution(0, 9), "y": optuna.distributions.FloatDistribution(0, 9)}
    for number, value in enumerate(values):
        params = {"x": value, "y": float(7 * number % 5)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=spread, value=value))
    return study


def test_what_decides_is_important() -> None:
    """The score is the one parameter, so the other explains little; the same seed gives the same shares."""
    found = importances(_study([float(at % 9) for at in range(20)]), 1)
    assert list(found) == ["x", "y"]
    assert found["x"] > 0.8
    assert sum(found.values()) == pytest.approx(1)
    assert importances(_study([float(at % 9) for at in range(20)]), 1) == found


@pytest.mark.parametrize("values", [[], [1.0, 2.0, 3.0], [2.0] * 9])
def test_too_little_to_tell(values: list[float]) -> None:
    """Few trials, or trials that are all as good, say nothing about what mattered."""
    assert importances(_study(values), 1) == {}


def test_summary_says_what_was_gained() -> None:
    """The first and the best figure stand in one sentence."""
    assert summary(TRIED, "rmse") == "From rmse 5 to 4 (trial 2)."
    assert summary(TRIED[:1], "rmse") == "Nothing better was found than rmse 5, with which it began."
    assert summary(TRIED[3:4], "rmse") == "Nothing was found that keeps the budget."
    assert summary([TRIED[3], made_up(1, 6.0)], "rmse") == "From rmse 3 to 6 (trial 1)."
