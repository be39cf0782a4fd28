"""Programs are found in PATH or in the environment, and their failures are errors with their own text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.manifests.errors import ManifestError
from deploy.manifests.tools import find_tool, run_tool

Executable = Callable[[str, str], Path]


def test_path_is_first(executable: Executable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program of PATH is used before the one of the environment."""
    path = executable("helm", "echo own")
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "helm").write_text("")
    monkeypatch.setenv("PATH", str(path.parent))
    assert find_tool("helm", tmp_path / "environment") == path


def test_the_environment_is_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a program in PATH, the one of the environment is used."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    installed = tmp_path / "bin" / "helm"
    installed.parent.mkdir()
    installed.write_text("")
    assert find_tool("helm", tmp_path) == installed


def test_a_missing_program_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names the program and the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match=r"helm is neither in PATH .* `make manifests` installs it"):
        find_tool("helm", tmp_path)


def test_a_failure_has_the_programs_text(executable: Executable) -> None:
    """The error has the command, its status and its error output."""
    path = executable("broken", "echo wrong field >&2; exit 4")
    with pytest.raises(ManifestError, match=r"broken one` ended with status 4:\nwrong field"):
        run_tool([path, "one"])


def test_accepted_statuses_and_variables(executable: Executable) -> None:
    """A status that is accepted is not an error, and the program gets the variables."""
    path = executable("scan", 'echo "level $LEVEL"; exit 1')
    assert run_tool([path], {"LEVEL": "7"}, accepted=(0, 1)) == "level 7\n"
