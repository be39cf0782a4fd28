"""One handler writes the lines of all loggers, warnings and threads of a process, each once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.service_log.configure import STARTED_BY_VARIABLE, is_started_by_supervisor

ROOT = Path(__file__).parents[3]
PROGRAM = """
import logging, logging.config, threading, warnings
from monitoring.service_log.configure import configure_log
logging.config.dictConfig({
    "version": 1,
    "handlers": {"own": {"class": "logging.StreamHandler"}},
    "loggers": {"library": {"handlers": ["own"], "level": "DEBUG", "propagate": False}},
    "root": {"handlers": ["own"]},
})
configure_log("worker", "info", "auto")
logging.getLogger("library").warning("of a library")
logging.getLogger("library").info("too low for a library")
logging.getLogger("tabento.serving").info("of the service")
logging.getLogger("tabento.serving").debug("too low")
warnings.warn("of Python")
thread = threading.Thread(target=lambda: float("planted"), name="worker-thread")
thread.start()
thread.join()
"""


def test_all_lines_of_a_process_are_json() -> None:
    """Handlers of libraries are replaced, warnings and the end of a thread are lines, and values in them are masked."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["logger"] for line in lines] == ["library", "tabento.serving", "py.warnings", "tabento.serving"]
    assert {line["process"] for line in lines} == {"worker"}
    assert lines[3]["level"] == "critical"
    assert "worker-thread" in lines[3]["message"]
    assert lines[3]["exception"].endswith("ValueError: could not convert string to float: …")


def test_only_children_of_a_supervisor_write_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that merely imports the service, such as a test, keeps its own log."""
    monkeypatch.delenv(STARTED_BY_VARIABLE, raising=False)
    assert not is_started_by_supervisor()
    monkeypatch.setenv(STARTED_BY_VARIABLE, str(os.getpid()))
    assert not is_started_by_supervisor()
    monkeypatch.setenv(STARTED_BY_VARIABLE, str(os.getppid()))
    assert is_started_by_supervisor()
