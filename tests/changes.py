"""The tests of changed files: ``python -m tests.changes main`` prints their paths, one on each line, for ``make check``.

The folders of tests mirror those of the sources. A changed source selects the test files of its folder, a changed test
file selects itself, and any other file selects the tests that compare documents and settings with the code.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = "tests"
GENERAL = ("tests/test_docs.py", "tests/test_makefile.py")
"""The tests for changed files that are not Python: documents, settings, commands."""


def changed_files(root: Path, base: str) -> list[str]:
    """Return the files that differ from the merge base with a branch, including new files and without deleted ones."""
    start = _git(root, "merge-base", base, "HEAD")[0]
    changed = _git(root, "diff", "--name-only", "--diff-filter=d", start)
    return sorted({*changed, *_git(root, "ls-files", "--others", "--exclude-standard")})


def matching_tests(root: Path, files: Iterable[str]) -> list[str]:
    """Return the test files of some files, sorted; paths are relative to the root of the working copy."""
    tests: set[str] = set()
    for file in map(Path, files):
        if file.suffix != ".py":
            tests.update(GENERAL)
        elif file.parts[0] != TESTS:
            tests.update(_tests_in(root, _mirror(root, file.parent)))
        elif file.name.startswith("test_"):
            tests.add(file.as_posix())
        else:
            tests.update(_tests_in(root, file.parent))
    return sorted(name for name in tests if (root / name).is_file())


def _mirror(root: Path, folder: Path) -> Path:
    """Return the folder of the tests of a source folder, or its nearest parent that exists."""
    mirrored = TESTS / folder
    while not (root / mirrored).is_dir():
        mirrored = mirrored.parent
    return mirrored


def _tests_in(root: Path, folder: Path) -> list[str]:
    """Return the test files of a folder, without those of its subfolders."""
    return [path.relative_to(root).as_posix() for path in (root / folder).glob("test_*.py")]


def _git(root: Path, *words: str) -> list[str]:
    """Return the output lines of a git command."""
    process = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return process.stdout.splitlines()


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in matching_tests(ROOT, changed_files(ROOT, sys.argv[1])))
