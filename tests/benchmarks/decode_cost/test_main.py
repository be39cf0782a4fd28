"""The whole benchmark, on few bodies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.decode_cost import __main__ as benchmark
from benchmarks.decode_cost.contracts import narrow_contract
from benchmarks.decode_cost.named_bodies import LARGE, named_bodies


@pytest.fixture
def few_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the steps that take seconds."""
    monkeypatch.setattr(benchmark, "SHARES", {4_096: 1.0})
    monkeypatch.setattr(benchmark, "_REPEATS", 1)
    small_bodies = {name: body for name, body in named_bodies(narrow_contract()).items() if len(body) < 100_000}
    monkeypatch.setattr(benchmark, "named_bodies", lambda contract: small_bodies)


@pytest.mark.usefixtures("few_bodies")
def test_the_figures_are_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of sizes, a table of named bodies, and all results as JSON with the machine."""
    path = tmp_path / "cost.json"
    monkeypatch.setattr(sys, "argv", ["decode_cost", "--bodies", "60", "--seed", "3", "--json", str(path)])
    assert benchmark.main() == 0
    printed = capsys.readouterr().out
    assert "Bodies tried: 60 (seed 3)" in printed
    assert "| narrow | 4,096 |" in printed
    assert "| unknown keys, 40 KB | 40,001 |" in printed
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert figures["machine"]["cores"] >= 1
    assert figures["worst_ns_per_byte"] == max(entry["ns_per_byte"] for entry in figures["worst"]) > 0
    assert {entry["objective"] for entry in figures["worst"]} == {"rate", "slice", "memory"}


def test_a_search_for_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The error has the expected and the actual value."""
    monkeypatch.setattr(sys, "argv", ["decode_cost", "--bodies", "0"])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert "--bodies: expected at least 1, got 0" in capsys.readouterr().err


def test_named_bodies_are_as_large_as_the_service_takes() -> None:
    """At most, and several of them exactly."""
    sizes = [len(body) for body in named_bodies(narrow_contract()).values()]
    assert max(sizes) == LARGE
    assert sizes.count(LARGE) > 3
