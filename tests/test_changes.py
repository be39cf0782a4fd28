"""The choice of the tests that `make check` runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.changes import GENERAL, changed_files, matching_tests

FILES = (
    *("serving/model.py", "serving/deep/inner.py", "docs/a.md"),
    *("tests/test_docs.py", "tests/test_makefile.py", "tests/test_service.py", "tests/rows.py"),
    *("tests/serving/test_model.py", "tests/serving/test_seal.py", "tests/serving/graphs/test_nodes.py"),
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A working copy with a branch that left main."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1\n")
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    _commit(tmp_path)
    _git(tmp_path, "checkout", "--quiet", "-b", "other")
    return tmp_path


def _git(folder: Path, *words: str) -> None:
    user = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *user, *words], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "change")


def test_changes_since_the_branch_began(checkout: Path) -> None:
    """Committed, uncommitted and new files are changes; a deleted file is not."""
    (checkout / "serving/model.py").write_text("2\n")
    _commit(checkout)
    (checkout / "docs/a.md").write_text("2\n")
    (checkout / "serving/new.py").write_text("1\n")
    (checkout / "tests/rows.py").unlink()
    assert changed_files(checkout, "main") == ["docs/a.md", "serving/model.py", "serving/new.py"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("serving/model.py", ["tests/serving/test_model.py", "tests/serving/test_seal.py"]),
        ("serving/deep/inner.py", ["tests/serving/test_model.py", "tests/serving/test_seal.py"]),
        ("tests/serving/graphs/test_nodes.py", ["tests/serving/graphs/test_nodes.py"]),
        ("tests/rows.py", ["tests/test_docs.py", "tests/test_makefile.py", "tests/test_service.py"]),
        ("docs/a.md", list(GENERAL)),
    ],
)
def test_tests_of_a_file(checkout: Path, file: str, expected: list[str]) -> None:
    """A source selects the tests of its folder, a test selects itself, and a helper selects the tests of its folder."""
    assert matching_tests(checkout, [file]) == expected


def test_a_deleted_test_is_not_run(checkout: Path) -> None:
    """A test file that does not exist is skipped."""
    assert matching_tests(checkout, ["tests/serving/test_gone.py"]) == []
