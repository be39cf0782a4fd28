"""The effect of the Makefile's targets, tested in a folder that contains the Makefile only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE_PYTHON = """#!/bin/sh
case "$2" in
tests.changes) [ -z "$FILES" ] || printf "%s\\n" $FILES;;
pytest) echo "$@"; exit "$STATUS";;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile alone."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a checkout, without the variables of a make that runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_clean_keeps_registry_decisions_and_downloads(checkout: Path) -> None:
    """``make clean`` keeps and names registry, decisions, runs and downloads, and deletes the installed environment and caches."""
    kept_paths = [
        checkout / name for name in ("registry/mlflow.db", "artifacts/a/best_params.yaml", "runs/mlflow.db", "data/a")
    ]
    removed_paths = [checkout / name for name in (".venv/bin/python", ".mypy_cache/a", "training/__pycache__/a.pyc")]
    for path in (*kept_paths, *removed_paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    process = make(checkout, "clean")
    assert process.returncode == 0, process.stderr
    assert all(path.is_file() for path in kept_paths)
    assert not any(path.exists() for path in removed_paths)
    assert [line.split()[1] for line in process.stdout.splitlines()] == ["registry", "artifacts", "runs", "data"]


@pytest.fixture
def fake_python(checkout: Path) -> Path:
    """The checkout with a fake interpreter for tests.changes and pytest, which prints FILES and ends with STATUS."""
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    return checkout


@pytest.mark.parametrize(("status", "is_success"), [(0, True), (1, False), (5, True)])
def test_check_accepts_files_without_a_test_to_run(
    fake_python: Path, monkeypatch: pytest.MonkeyPatch, status: int, is_success: bool
) -> None:
    """pytest ends with 5 if all tests of the changed files are slow; ``make check`` succeeds then, and fails if a test fails."""
    monkeypatch.setenv("FILES", "tests/test_a.py tests/test_b.py")
    monkeypatch.setenv("STATUS", str(status))
    process = make(fake_python, "check", "--old-file=.venv/.dev")
    assert (process.returncode == 0) == is_success, process.stderr
    assert process.stdout.endswith(" tests/test_a.py tests/test_b.py\n")


def test_check_without_changes_runs_no_test(fake_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without changed files pytest, which would run the whole suite, is not started."""
    monkeypatch.setenv("FILES", "")
    process = make(fake_python, "check", "--old-file=.venv/.dev")
    assert (process.returncode, process.stdout) == (0, ""), process.stderr


def test_no_lock_is_resolved_again_when_it_is_installed() -> None:
    """Each command that installs a lock with uv takes it as it is: an override of pyproject.toml would ask for versions without a hash."""
    installs = [
        line
        for path in ("Makefile", "benchmarks/footprint.py")
        for line in (ROOT / path).read_text(encoding="utf-8").splitlines()
        if "--require-hashes" in line and "uv/bin/python -m pip" not in line
    ]
    assert len(installs) == 2
    assert all("--no-config" in line and "--no-deps" in line for line in installs)


def test_every_target_without_a_file_is_phony() -> None:
    """A file or folder with the name of a command, such as ``study``, does not switch the command off."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    targets = re.findall(r"^([a-z][a-z0-9-]*):(?!=)", text, re.MULTILINE)
    assert sorted(phony[1].split()) == sorted(targets)


def test_help_lists_every_command(checkout: Path) -> None:
    """``make`` prints each target that has a description."""
    described = re.findall(r"^(\S+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    printed = [line.split()[0] for line in make(checkout).stdout.splitlines()[1:]]
    assert printed == described


def test_each_environment_is_installed_once() -> None:
    """The rule of each environment ends by touching its target; without that every `make` would install it again."""
    rules = re.findall(
        r"^(\$\(VENV\)/[^:\n]+|\$\(UV\)|\$\(BIN\)/python):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M
    )
    assert {"$(VENV)/.training", "$(VENV)/compose/.installed", "$(VENV)/kubernetes/.installed"} <= {
        name for name, _ in rules
    }
    assert [name for name, recipe in rules if "@touch $@" not in recipe] == []
