"""Programs of the tests' own on PATH: shell scripts that note how they were called."""

from __future__ import annotations

from pathlib import Path

import pytest


class Programs:
    """A folder that is all of PATH, with a note of every call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.log = folder / "calls.log"

    def add(self, name: str, body: str = "exit 0") -> Path:
        """Put a program on PATH that runs a few lines of shell."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.log}"\n{body}\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def calls(self) -> list[str]:
        """Return the commands that were run, in order."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A PATH without programs, to which a test adds some."""
    programs_ = Programs(tmp_path)
    monkeypatch.setenv("PATH", str(programs_.folder))
    return programs_
