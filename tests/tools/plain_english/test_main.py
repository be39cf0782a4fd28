"""The command as a person calls it, and the files that it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.plain_english.__main__ import main
from tools.plain_english.files import package_files, tracked_files


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a small repository: two tracked files, one new file and one ignored file."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name, content in {
        "a/tracked.py": "",
        "a/table.csv": "",
        "new.md": "",
        "ignored.py": "",
        ".gitignore": "ignored.py\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    subprocess.run(["git", "-C", str(tmp_path), "add", "a"], check=True)
    return tmp_path


def test_files_are_those_of_git(checkout: Path) -> None:
    """Tracked and new files with prose are read; ignored files and tables are not."""
    assert tracked_files(root=checkout) == [Path(".gitignore"), Path("a/tracked.py"), Path("new.md")]


def test_paths_limit_the_files(checkout: Path) -> None:
    """A folder selects the files below it, a file selects itself."""
    assert tracked_files(["a"], checkout) == [Path("a/tracked.py")]
    assert tracked_files(["new.md"], checkout) == [Path("new.md")]


def test_a_deleted_file_is_skipped(checkout: Path) -> None:
    """A file that git tracks and that no longer exists is not read."""
    (checkout / "a/tracked.py").unlink()
    assert tracked_files(["a"], checkout) == []


def test_an_unknown_path_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the unknown path and exits with 2."""
    assert main(["no/such/folder"]) == 2
    assert "got 'no/such/folder'" in capsys.readouterr().err


def test_an_unknown_package_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A package that is not installed is named."""
    assert main(["tools", "--count", "--package", "no_such_package"]) == 2
    assert "got 'no_such_package'" in capsys.readouterr().err


def test_the_lint_finds_nothing_in_its_own_files(capsys: pytest.CaptureFixture[str]) -> None:
    """The package keeps its own rules: it exits with 0 and prints nothing."""
    assert main(["tools/plain_english", "tests/tools/plain_english"]) == 0
    assert capsys.readouterr().out == ""


def test_findings_make_the_command_fail(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each finding is a line on stdout, their number is on stderr, and the command exits with 1."""
    (checkout / "a/tracked.py").write_text("given = 1\n", encoding="utf-8")
    monkeypatch.setattr("tools.plain_english.__main__.ROOT", checkout)
    monkeypatch.setattr("tools.plain_english.__main__.tracked_files", lambda paths: tracked_files(paths, checkout))
    assert main(["a"]) == 1
    output = capsys.readouterr()
    assert output.out.startswith("a/tracked.py:1: variable 'given' is not a name; use ")
    assert output.err == "1 names and phrases to replace.\n"


def test_count_prints_folders_and_packages() -> None:
    """``--count`` prints a line for each folder and for each package that is named, from files shared among processes."""
    command = [sys.executable, "-m", "tools.plain_english", "--count", "--package", "starlette", "tools", "tests/tools"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3]).stdout
    titles = [line.split("  ")[0] for line in output.splitlines()]
    assert titles[1:6] == ["tests", "tools", "code without tests", "total", "starlette"]


def test_an_installed_package_is_found() -> None:
    """The files of a package are those below its folder on the search path."""
    files = package_files("starlette", sys.path)
    assert any(file.name == "routing.py" for file in files)
