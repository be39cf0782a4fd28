"""Tests that need real parts are left out of the plain test command, and named there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _collected(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "--collect-only", "tests/real_parts", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout


def test_real_parts_are_left_out_by_name() -> None:
    """One line says how many tests were left out and how they are run."""
    assert re.search(r"^left out: \d+ tests that need real parts \(make test-real\)$", _collected(), re.MULTILINE)


def test_real_parts_are_there_when_asked_for() -> None:
    """With their marker all of them are collected, and none of them is left out."""
    output = _collected("-m", "real_parts")
    assert "test_differential.py" in output
    assert not [line for line in output.splitlines() if "left out" in line and "CatBoost" not in line]
