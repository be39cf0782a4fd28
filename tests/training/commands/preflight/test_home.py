"""The home of BentoML: checked before BentoML is imported, which would end in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.ports import free_port
from training.__main__ import main
from training.commands.preflight.home import home_problem, is_any_stored, require_home
from training.commands.preflight.problems import PreflightError


def test_store_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home that is shut, is a file, or has a file where the models go."""
    for home in (Path("/proc/none"), tmp_path / "file", tmp_path / "home"):
        monkeypatch.setenv("BENTOML_HOME", str(home))
        if home.name == "file":
            home.write_text("x")
        elif home.name == "home":
            home.mkdir()
            (home / "models").write_text("x")
        with pytest.raises(PreflightError, match=r"The model store cannot be written to .*Set BENTOML_HOME"):
            require_home()


def test_empty_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """BentoML would take the working folder for its home then."""
    monkeypatch.setenv("BENTOML_HOME", "")
    assert "is set to nothing" in str(home_problem())


def test_account_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers run accounts that have none."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("BENTOML_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert "has no home folder" in str(home_problem())
    assert not is_any_stored("orchard")


def test_stored_versions_are_seen_without_bentoml(model_store: Path) -> None:
    """A folder with a version counts; an empty one, or one of another name, does not."""
    assert not is_any_stored("orchard")
    (model_store / "models" / "orchard" / "abc").mkdir(parents=True)
    (model_store / "models" / "pear").mkdir()
    assert is_any_stored("orchard")
    assert not is_any_stored("pear")


@pytest.mark.parametrize("command", [["models", "list"], ["serve", "orchard"], ["bento", "orchard"]])
def test_shut_home_is_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that uses the store ends with one line instead of a traceback."""
    monkeypatch.setenv("BENTOML_HOME", "/proc/none")
    port = ["--port", str(free_port())] if command[0] == "serve" else []
    assert main([*command, *port]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("error: The model store cannot be written to /proc/none")
