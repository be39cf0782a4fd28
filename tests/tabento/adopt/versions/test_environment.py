"""An environment of another version: made once, kept, and told in words if it cannot be made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tabento.adopt.errors import AdoptionError
from tabento.adopt.versions import environment
from tabento.adopt.versions.environment import (
    Environment,
    cache_folder,
    checked_version,
    open_environment,
    python_for,
)

pytestmark = pytest.mark.slow

UV = """#!/bin/sh
echo "$@" >> {calls}
{failure}
if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/python"; fi
"""


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands for uv, and the file that it writes its calls to."""
    return install_uv(tmp_path, monkeypatch)


def install_uv(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: str = "") -> Path:
    """Write the program."""
    program, calls = folder / "uv", folder / "calls"
    program.write_text(UV.format(calls=calls, failure=failure))
    program.chmod(0o755)
    monkeypatch.setattr(environment, "_uv", lambda: str(program))
    return calls


def test_environment_is_made_once(fake_uv: Path, tmp_path: Path) -> None:
    """The second call finds it; other packages make another one."""
    first = open_environment("1.5.2", folder=tmp_path / "kept")
    calls = fake_uv.read_text()
    assert first.is_new
    assert "scikit-learn==1.5.2" in calls
    assert "pandas<3" in calls
    assert "--only-binary" in calls
    second = open_environment("1.5.2", folder=tmp_path / "kept")
    assert (second.python, second.is_new) == (first.python, False)
    assert fake_uv.read_text() == calls
    assert open_environment("1.5.2", ["lightgbm==4.7.0"], tmp_path / "kept").python != first.python


def test_environment_that_was_left_half_made_is_made_again(fake_uv: Path, tmp_path: Path) -> None:
    """Without its last file it is not trusted."""
    first = open_environment("1.8.0", folder=tmp_path / "kept")
    (first.python.parent.parent / environment.READY).unlink()
    assert open_environment("1.8.0", folder=tmp_path / "kept").is_new
    assert "pandas<=" in fake_uv.read_text()


def test_failure_of_uv_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, or of a version that does not exist: what uv says, and what to do."""
    install_uv(tmp_path, monkeypatch, "echo 'no such version' >&2; exit 1")
    with pytest.raises(AdoptionError, match=r"1\.55\.0 cannot be made: no such version.*leave --sklearn out"):
        open_environment("1.55.0", folder=tmp_path / "kept")


def test_folder_that_cannot_be_written_is_told(fake_uv: Path, tmp_path: Path) -> None:
    """A file stands where the cache should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AdoptionError, match="Set XDG_CACHE_HOME"):
        open_environment("1.5.2", folder=tmp_path / "file")


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where caches are is a matter of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder().is_relative_to(tmp_path / "home" / ".cache")


@pytest.mark.parametrize("text", ["", "auto", "1", "1.5.2 --index-url x", "1.5.2\n", "../1.5", "1.5.2;"])
def test_what_is_no_version_goes_nowhere(text: str) -> None:
    """Text that is not a version is used neither in a path nor in a command."""
    with pytest.raises(AdoptionError, match="is not a version"):
        checked_version(text)


def test_python_is_one_that_the_version_has_wheels_for() -> None:
    """The running one, unless it is too new."""
    running = sys.version_info[:2]
    assert python_for("1.8.0") == "{}.{}".format(*running)
    assert python_for("1.3.2") == "{}.{}".format(*min(running, (3, 12)))
    assert python_for("1.0.2") == "{}.{}".format(*min(running, (3, 10)))


def test_answering_python_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The caller turns it into words."""
    with pytest.raises(OSError, match="no-python"):
        Environment(tmp_path / "no-python", "1.5.2", False).answer([], [])


def test_script_runs_in_another_process(tmp_path: Path) -> None:
    """It starts with nothing of Tabento, and a file that is not there is told on stderr."""
    code, output = Environment(Path(sys.executable), "here", False).answer(["--help"], [])
    assert code == 0, output
