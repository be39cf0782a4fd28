"""Tests of benchmarks.policy_report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.policy_report import draw, geometric_mean, markdown, relative


def _run(model: str, shape: str, policy: str, qps: float | None) -> dict[str, Any]:
    return {"model": model, "shape": shape, "policy": policy, "qps": qps}


RUNS = [
    _run("oak", "poisson", "coalesce", 1000.0),
    _run("oak", "poisson", "immediate", 500.0),
    _run("oak", "bursty", "coalesce", 800.0),
    _run("oak", "bursty", "immediate", 1600.0),
    _run("elm", "poisson", "immediate", 10.0),
]


def test_everything_is_relative_to_what_ships() -> None:
    """Shares are of the shipped rule's rate in the same cell; a cell without it is left out."""
    assert relative(RUNS)["immediate"] == {("oak", "poisson"): 0.5, ("oak", "bursty"): 2.0}


def test_shares_of_the_same_rounds_come_first() -> None:
    """If rules were measured in the same rounds, the share is paired, not the share of their medians."""
    paired = _run("oak", "poisson", "immediate", 500.0) | {"share": {"median": 0.7, "low": 0.6, "high": 0.8}}
    assert relative([RUNS[0], paired])["immediate"] == {("oak", "poisson"): 0.7}


@pytest.mark.parametrize(("values", "mean"), [([0.5, 2.0], 1.0), ([0.0, 2.0], 0.0), ([], 0.0)])
def test_the_mean_is_geometric(values: list[float], mean: float) -> None:
    """Half and double give a mean of one; a policy without a rate has a share of zero."""
    assert geometric_mean(values) == pytest.approx(mean)


def test_the_table_has_a_row_for_each_cell() -> None:
    """A rate that was not held or not measured is a dash; the means are in the last line."""
    lines = markdown([*RUNS, _run("elm", "poisson", "coalesce", None)]).splitlines()
    assert lines[0] == "| model, arrivals | coalesce | immediate |"
    assert "| oak, bursty | 800 | 1,600 |" in lines
    assert "| elm, poisson | – | 10 |" in lines
    assert lines[-1] == "| share of coalesce, geometric mean | 1.00 | 1.00 |"


def test_the_picture_is_written(tmp_path: Path) -> None:
    """A PNG of some size."""
    draw(RUNS, tmp_path / "policies.png")
    assert (tmp_path / "policies.png").read_bytes().startswith(b"\x89PNG")
