"""Measured figures are stored and read unchanged; what follows from them is checked by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.figures import LoadPoint, read_figures, write_figures
from tests.benchmarks.capacity.service_figures import service_figures


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A file has all figures."""
    write_figures(service_figures(), tmp_path / "figures.json")
    assert read_figures(tmp_path / "figures.json") == service_figures()


def test_a_file_without_figures(tmp_path: Path) -> None:
    """A missing file, other JSON and a missing figure are errors that name the file and the remedy."""
    path = tmp_path / "figures.json"
    for content in (None, "no JSON", "[]", json.dumps({"model": "orchard:v1"})):
        if content is not None:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(DemandError, match=r"figures\.json .*tabento capacity --save"):
            read_figures(path)


def test_impossible_figures() -> None:
    """A rate of 0, points out of order and an overload below the rate are refused."""
    figures = service_figures()
    for changes in ({"rate_per_s": 0.0}, {"points": figures.points[::-1]}, {"points": ()}):
        with pytest.raises(DemandError, match="expected"):
            replace(figures, **changes)
    with pytest.raises(DemandError, match=r"0\.5 times the held rate"):
        replace(figures, overload=replace(figures.overload, share=0.5))


def test_the_cost_of_a_refusal() -> None:
    """At twice the rate 0.8 of it is answered: 1.2 refusals use the remaining 0.2 of the core, a sixth of an answer each."""
    assert service_figures().refusal_cost == pytest.approx(1 / 6)
    without_refusals = LoadPoint(1.1, 1_100.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert service_figures(overload=without_refusals).refusal_cost == 0, "everything was answered"


def test_the_processor_time_of_a_request() -> None:
    """A tenth of a core for 100 requests a second is 1,000 µs."""
    assert service_figures().alone_us == pytest.approx(1_000)
    assert service_figures().point_at(0.6).share in (0.5, 0.7)
