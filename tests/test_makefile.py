"""The Makefile: what its targets do to a checkout, tried on a copy that holds nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile alone."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a checkout, without the variables of a make around the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_clean_deletes_nothing_that_people_decided(checkout: Path) -> None:
    """Registry, decisions, reports and downloads stay, and are named; what an installation made goes."""
    kept = [
        checkout / name for name in ("registry/mlflow.db", "artifacts/a/best_params.yaml", "runs/mlflow.db", "data/a")
    ]
    removed = [checkout / name for name in (".venv/bin/python", ".mypy_cache/a", "training/__pycache__/a.pyc")]
    for path in (*kept, *removed):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    done = make(checkout, "clean")
    assert done.returncode == 0, done.stderr
    assert all(path.is_file() for path in kept)
    assert not any(path.exists() for path in removed)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["registry", "artifacts", "runs", "data"]
