"""The default test command excludes slow tests and tests that need real programs, and prints how to run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _collected(*arguments: str, path: str = "tests/real_parts") -> str:
    command = [sys.executable, "-m", "pytest", "--collect-only", path, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout


def test_real_parts_are_left_out_by_name() -> None:
    """One line has the number of excluded tests and the command that runs them."""
    assert re.search(r"^left out: \d+ tests that need real parts \(make test-real\)$", _collected(), re.MULTILINE)


def test_real_parts_are_collected_with_their_marker() -> None:
    """With their marker all of them are collected and none is excluded."""
    output = _collected("-m", "real_parts")
    assert "test_differential.py" in output
    assert not [line for line in output.splitlines() if "left out" in line and "make test-others" not in line]


@pytest.fixture
def with_a_slow_test(tmp_path: Path) -> Path:
    """A folder with a slow test and a quick one, and with the pytest settings of this repository."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_two.py").write_text(
        "import pytest\n\n@pytest.mark.slow\ndef test_slow() -> None: pass\n\ndef test_quick() -> None: pass\n"
    )
    return tmp_path


@pytest.mark.slow
def test_slow_tests_are_left_out_by_name(with_a_slow_test: Path) -> None:
    """One line has their number and the command that runs them, also if worker processes run the tests."""
    output = _run(with_a_slow_test, "-n", "1", ".")
    assert re.search(r"^left out: 1 slow tests \(make test-slow\)$", output, re.MULTILINE), output
    assert "1 passed" in output


@pytest.mark.slow
def test_slow_tests_run_if_their_file_is_named(with_a_slow_test: Path) -> None:
    """If the command line names a file, its slow tests run too."""
    output = _run(with_a_slow_test, "test_two.py")
    assert "2 passed" in output, output
    assert "slow tests" not in output


def _run(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300).stdout
