"""The phases of a start, from the lines of the service log and from Python's report on imports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.process import BenchmarkError
from benchmarks.start_phases import IMPORTS, PHASES, SERVERS, draw, import_times, log_phases, tables

STARTED_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def _line(seconds: float, message: str) -> str:
    time = datetime.fromtimestamp(STARTED_S + seconds, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "message": message})


@pytest.mark.parametrize(
    "serving",
    ["Starting production HTTP BentoServer from x", "serving california:x on port 3000 of 0.0.0.0, workers: 1"],
)
def test_the_lines_of_both_servers_are_phases(serving: str) -> None:
    """Each phase ends with its line, and the last one with the first answer; other lines are skipped."""
    lines = [
        "a line of another program",
        _line(0.5, serving),
        _line(0.75, "Started server process [#]"),
        _line(0.8, "Waiting for application startup."),
        _line(1.0, "Application startup complete."),
    ]
    phases = log_phases(lines, STARTED_S, 1.125)
    assert tuple(phases) == PHASES
    assert list(phases.values()) == pytest.approx([0.5, 0.25, 0.25, 0.125])


def test_a_missing_line_is_an_error() -> None:
    """The message has the pattern and the log."""
    with pytest.raises(BenchmarkError, match=r"Started server process(.|\n)*Starting production"):
        log_phases([_line(0.5, "Starting production HTTP")], STARTED_S, 1.0)


def test_imports_are_added_up_by_package() -> None:
    """The own time of each module counts for its top-level package; the header of the report is skipped."""
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1500 |       1500 |   numpy._core\n"
        "import time:       500 |       2000 | numpy\n"
        "import time:      2500 |       4500 | serving.model\n"
    )
    assert import_times(report) == {"serving": 2.5, "numpy": 2.0}


def _results() -> dict[str, Any]:
    keys = (*PHASES, "ready", "cpu", "worker_rss", "supervisor_rss", "monitor_rss", "all_pss")
    cells = {key: {"min": 1.0, "median": 2.0, "max": 3.25} for key in keys}
    return {
        "machine": {"cpu": "a processor", "python": "3.11"},
        "model": "orchard:v1",
        "starts": 3,
        "servers": dict.fromkeys(SERVERS, cells),
        "imports_ms": {
            "bentoml serve": {"bentoml": 20.4, "numpy": 10.0},
            "image": {f"package{index}": 1.0 for index in range(14)},
        },
    }


def test_the_tables_have_a_row_for_each_number() -> None:
    """Seconds have two digits and MiB none; packages beyond the listed ones are one row, and all are added up."""
    text = tables(_results())
    assert "| model, s | 2.00 (1.00 to 3.25) | 2.00 (1.00 to 3.25) |" in text
    assert "| **resident memory of the worker, MiB** | 2 (1 to 3) | 2 (1 to 3) |" in text
    assert "| `bentoml` | 20 | `package0` | 1 |" in text
    assert "|  |  | `package11` | 1 |" in text
    assert text.endswith("| others | 0 | others | 2 |\n| all | 30 | all | 14 |")


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    """The picture is a PNG file."""
    draw(_results(), tmp_path / "images" / "start.png")
    assert (tmp_path / "images" / "start.png").read_bytes().startswith(b"\x89PNG")


def test_both_servers_are_measured() -> None:
    """The imports are listed for each server that is started."""
    assert tuple(IMPORTS) == SERVERS
