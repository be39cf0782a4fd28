"""The programs of Debian's packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import StackError
from deploy.stack import programs as stack_programs
from deploy.stack.programs import PACKAGES, find_programs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, without Debian's own folders."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(stack_programs, "SERVER_FOLDERS", ())
    monkeypatch.setattr(stack_programs, "POSTGRES_FOLDERS", tmp_path / "postgresql")
    (tmp_path / "bin").mkdir()
    return tmp_path


def _add(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_missing_programs_name_their_packages(folder: Path) -> None:
    """The error has one command that installs each missing package once."""
    for name in set(PACKAGES) - {"haproxy", "initdb", "psql"}:
        _add(folder / "bin", name)
    with pytest.raises(StackError, match=r"apt-get install --no-install-recommends haproxy postgresql$"):
        find_programs()


def test_the_newest_postgres_is_used(folder: Path) -> None:
    """All programs of Postgres have one version, the newest one, also if PATH has wrappers of the same names."""
    for name in PACKAGES:
        _add(folder / "bin", name)
    for version in ("9.6", "15", "17"):
        for name in ("postgres", "initdb", "psql", "pg_isready"):
            _add(folder / "postgresql" / version / "bin", name)
    paths = find_programs()
    assert {Path(paths[name]).parent.parent.name for name in ("postgres", "initdb", "psql", "pg_isready")} == {"17"}
    assert paths["haproxy"] == str(folder / "bin" / "haproxy")
