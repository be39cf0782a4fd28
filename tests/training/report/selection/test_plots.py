"""The comparison's pictures are drawn whatever was found."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest

from tests.training.orchards import orchard_config
from tests.training.studies.selection.synthetic_candidates import make_candidate
from training.report.selection.plots import pareto_front, plot_overfitting, plot_pareto
from training.studies.selection.choice import choose
from training.studies.selection.comparison import ComparedCandidate

ITEMS = [
    make_candidate("dummy", [20, 20], train=20, status="baseline", reason="the baseline"),
    make_candidate("forest", [3, 5], train=1.0, us=80, mib=9),
    make_candidate("line", [4.5, 4.7], train=4.4, us=9, mib=0.1),
    make_candidate("slow", [1, 1.5], status="over budget", reason="slow", us=900),
    make_candidate("odd", [2, 2], status="not exportable", reason="odd"),
    ComparedCandidate(make_candidate("late", [1]).candidate, "not begun", "late"),
]


def test_front_has_the_unbeaten_points() -> None:
    """A point that is slower and not better than another is not on the front."""
    points = [(10.0, 5.0), (20.0, 6.0), (30.0, 3.0), (30.0, 4.0), (40.0, 3.0)]
    assert pareto_front(points, "rmse") == [0, 2]
    assert pareto_front(points, "r2") == [0, 1]


@pytest.mark.parametrize("draw", [plot_pareto, plot_overfitting])
def test_picture_is_drawn(draw: object, tmp_path: Path) -> None:
    """Candidates with and without scores, within and over the budget can be drawn."""
    assert callable(draw)
    draw(orchard_config(), ITEMS, choose(ITEMS, "rmse"), "rmse", tmp_path / "picture.png")
    height, width = matplotlib.image.imread(tmp_path / "picture.png").shape[:2]
    assert width > 900
    assert height > 400


def test_picture_shows_the_budget(tmp_path: Path) -> None:
    """Another budget gives another picture."""
    pictures = []
    for limit in (300.0, None):
        config = orchard_config(selection={"single_row_us_max": limit})
        plot_pareto(config, ITEMS, choose(ITEMS, "rmse"), "rmse", tmp_path / "picture.png")
        pictures.append((tmp_path / "picture.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_one_candidate_is_enough(tmp_path: Path) -> None:
    """A single candidate can be drawn."""
    only = [make_candidate("forest", [3, 3])]
    plot_pareto(orchard_config(), only, choose(only, "rmse"), "rmse", tmp_path / "pareto.png")
    plot_overfitting(orchard_config(), only, choose(only, "rmse"), "rmse", tmp_path / "overfitting.png")
    assert (tmp_path / "pareto.png").stat().st_size > 0
    assert (tmp_path / "overfitting.png").stat().st_size > 0
