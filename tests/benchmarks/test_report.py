"""A results file becomes a picture and a table, also if measurements are missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from benchmarks.report import main, markdown, write_report


def server(name: str, qps: float | None, **results: Any) -> dict[str, Any]:
    """Return a server with a capacity and three runs."""
    runs = [
        {"rate_per_s": rate, "valid": True, "accepted_ms": {"p50": 0.1 * rate / 100, "p99": rate / 100}}
        for rate in (100.0, 200.0, 400.0)
    ]
    capacity = {"qps": qps, "slo_ms": 10.0, "limited_by": "server", "runs": runs}
    return {"name": name, "capacity": {**capacity, **results.pop("capacity", {})}, **results}


def overload(factor: float, share: float) -> dict[str, Any]:
    """Return one overload run."""
    quantiles = {"p99": 9.5}
    return {"factor": factor, "goodput_share": share, "accepted_ms": quantiles, "refused_ms": None, "valid": True}


RESULTS: dict[str, Any] = {
    "title": "A title",
    "slo_ms": 10.0,
    "machine": {"cpu": "a processor", "cores": 2, "python": "3.11"},
    "servers": [
        server("slow", 50.0, capacity={"slo_ms": 100.0}),
        server("fast", 20_000.0, overload=[overload(1.5, 0.95), overload(3, 0.8)]),
        server("half", 300.0, share={"accepted_ms": {"p50": 0.2, "p99": 0.8}}, overload=[overload(1.5, 0.1)]),
        server("limit", 40_000.0, capacity={"limited_by": "generator"}),
        server("never", None),
        {"name": "unmeasured"},
    ],
}


def test_table() -> None:
    """The fastest server is first; a missing measurement is a dash; notes follow the rate."""
    lines = markdown(RESULTS).splitlines()
    assert lines[0].startswith("| server | QPS@p99≤10 ms | p50, p99 at half load | 1.5× capacity")
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        f"| {name}" for name in ("limit", "fast", "half", "slow", "never", "unmeasured")
    ]
    assert lines[2].startswith("| limit | 40,000 (generator's limit) | – |")
    assert lines[3] == "| fast | 20,000 | – | 0.95 · 9.5 ms · – | 0.80 · 9.5 ms · – |"
    assert lines[4] == "| half | 300 | 0.2 ms · 0.8 ms | 0.10 · 9.5 ms · – | – |"
    assert lines[5].startswith("| slow | 50 (at 100 ms) |")
    assert lines[6].startswith("| never | none holds |")
    assert len({line.count("|") for line in lines}) == 1


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with picture and table of the results."""
    folder = tmp_path_factory.mktemp("report")
    write_report(RESULTS, folder / "r.png", folder / "r.md")
    return folder


def test_picture(report: Path) -> None:
    """The PNG has something drawn in each of its four panels, and the table is in the same folder."""
    pixels = imread(report / "r.png")
    height, width, _ = pixels.shape
    assert width == 1650
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert (pixels[rows, columns, :3] < 0.9).any(axis=2).mean() > 0.005
    assert (report / "r.md").read_text(encoding="utf-8") == markdown(RESULTS)


def test_little_is_enough(tmp_path: Path) -> None:
    """A server without measurements can be plotted."""
    write_report({"slo_ms": 10, "servers": [{"name": "alone"}]}, tmp_path / "r.png", tmp_path / "r.md")
    assert (tmp_path / "r.png").stat().st_size > 1000


@pytest.mark.parametrize("servers", [[], [{"capacity": {}}]])
def test_no_server_is_an_error(servers: list[dict[str, Any]]) -> None:
    """An empty file and a server without a name are refused."""
    with pytest.raises(ValueError, match='expected at least one server in "servers", each with a name'):
        markdown({"slo_ms": 10, "servers": servers})


def test_command(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes both next to the file and prints the table; the same results give the same picture."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["report", str(path)])
    assert main() == 0
    assert capsys.readouterr().out == markdown(RESULTS)
    assert path.with_suffix(".png").read_bytes() == (report / "r.png").read_bytes()


def test_another_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 1 and names a JSON file that is not a results file."""
    path = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", ["report", str(path)])
    path.write_text("{}", encoding="utf-8")
    assert main() == 1
    assert "results.json: expected a results file" in capsys.readouterr().err
