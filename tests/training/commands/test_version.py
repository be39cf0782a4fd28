"""``tabento --version``: one line, at once, with what a report of a fault needs."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from training.__main__ import main
from training.commands.version import DECIDING_PACKAGES, version_line


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Tabento, Python and the packages that decide answers, each with its version."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"tabento {version('tabento')} (Python {sys.version.split()[0]}")
    assert all(f"{name} {version(name)}" in line for name in DECIDING_PACKAGES)


def test_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is not installed does not keep the others from being told."""
    monkeypatch.setattr("training.commands.version.DECIDING_PACKAGES", ("no-such-package",))
    assert "no-such-package not installed" in version_line()
