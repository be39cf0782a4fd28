"""A results file becomes a picture and a table, whatever of it has been measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from benchmarks.report import main, markdown, write_report


def server(name: str, qps: float | None, **more: Any) -> dict[str, Any]:
    """Return a server with a capacity and three runs."""
    runs = [
        {"rate_per_s": rate, "valid": True, "accepted_ms": {"p50": 0.1 * rate / 100, "p99": rate / 100}}
        for rate in (100.0, 200.0, 400.0)
    ]
    capacity = {"qps": qps, "slo_ms": 10.0, "limited_by": "server", "runs": runs}
    return {"name": name, "capacity": {**capacity, **more.pop("capacity", {})}, **more}


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
    """The fastest server comes first; what was not measured is a dash; what one has to know stands beside the figure."""
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


def test_picture(tmp_path: Path) -> None:
    """The PNG has something drawn in each of its four panels, and the table lies beside it."""
    write_report(RESULTS, tmp_path / "r.png", tmp_path / "r.md")
    pixels = imread(tmp_path / "r.png")
    height, width, _ = pixels.shape
    assert width == 1650
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert (pixels[rows, columns, :3] < 0.9).any(axis=2).mean() > 0.005
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == markdown(RESULTS)


def test_little_is_enough(tmp_path: Path) -> None:
    """One server of which nothing is known yet can be drawn."""
    write_report({"slo_ms": 10, "servers": [{"name": "alone"}]}, tmp_path / "r.png", tmp_path / "r.md")
    assert (tmp_path / "r.png").stat().st_size > 1000


def test_same_results_same_picture(tmp_path: Path) -> None:
    """Nothing of the time or the process is in the picture."""
    for name in ("a", "b"):
        write_report(RESULTS, tmp_path / f"{name}.png", tmp_path / f"{name}.md")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("servers", [[], [{"capacity": {}}]])
def test_no_server_is_an_error(servers: list[dict[str, Any]]) -> None:
    """An empty file and a server without a name are refused."""
    with pytest.raises(ValueError, match='expected at least one server in "servers", each with a name'):
        markdown({"slo_ms": 10, "servers": servers})


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes both beside the file and prints the table; a file that is none is named."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["report", str(path)])
    assert main() == 0
    assert capsys.readouterr().out == markdown(RESULTS)
    assert path.with_suffix(".png").exists()
    path.write_text("{}", encoding="utf-8")
    assert main() == 1
    assert "results.json: expected a results file" in capsys.readouterr().err
