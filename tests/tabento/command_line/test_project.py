"""The project: where the installed script looks for the commands that the wheel does not hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import tabento
from tabento.__main__ import library_group, main
from tabento.command_line.project import PROJECT_COMMANDS, add_project_to_path, find_project
from training.commands.entries import ENTRIES


@pytest.fixture
def other_project(tmp_path: Path) -> Path:
    """A folder that looks like a checkout."""
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__main__.py").touch()
    (tmp_path / "bentofile.yaml").touch()
    return tmp_path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library be installed away from any checkout."""
    monkeypatch.setattr(tabento, "__file__", str(tmp_path / "site-packages" / "tabento" / "__init__.py"))


def test_working_folder_or_a_parent_is_the_project(other_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest folder with bentofile.yaml and training is found, and put first on the path of all processes."""
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    (other_project / "configs" / "deep").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for folder in (other_project, other_project / "configs" / "deep"):
        monkeypatch.chdir(folder)
        assert find_project() == other_project
    assert add_project_to_path()
    assert sys.path[0] == str(other_project)
    assert os.environ["PYTHONPATH"] == os.pathsep.join([str(other_project), "elsewhere"])


def test_editable_install_finds_its_checkout_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of any project the checkout next to the library is taken."""
    monkeypatch.chdir(tmp_path)
    assert find_project() == Path(tabento.__file__).resolve().parents[1]


@pytest.mark.usefixtures("installed")
def test_without_a_project_its_commands_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of the project is refused with exit code 1, whatever its options are."""
    monkeypatch.chdir(tmp_path)
    assert find_project() is None
    for name in PROJECT_COMMANDS:
        assert main([name, "--config", "x.yaml", "-h"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: `tabento {name}` needs the project: run it in a checkout of Tabento")


@pytest.mark.usefixtures("installed")
def test_help_without_a_project_lists_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help has ``export``, and names the commands of the project."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_info:
        main(["-h"])
    assert exit_info.value.code == 0
    out = capsys.readouterr().out
    assert "\n  export  " in out
    assert all(name in out for name in PROJECT_COMMANDS)


@pytest.mark.usefixtures("installed")
def test_missing_package_is_told_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library of the export that is not installed is named together with the extra that has it."""

    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(name="skl2onnx")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tabento.__main__.run_group", fail)
    assert main(["export"]) == 1
    assert "the module 'skl2onnx' is not installed" in (err := capsys.readouterr().err)
    assert "'tabento[export]'" in err


def test_names_are_the_commands_of_the_project() -> None:
    """The library knows the names of the project's commands, and the project adds none of its own to them."""
    assert [*PROJECT_COMMANDS, *library_group().entries] == [entry.name for entry in ENTRIES]


def test_deleted_working_folder_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the working folder cannot be read, the checkout next to the library is taken."""

    def fail() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr("pathlib.Path.cwd", fail)
    assert find_project() == Path(tabento.__file__).resolve().parents[1]
