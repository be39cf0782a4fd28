"""``tabento --version``: one line with the versions that a bug report needs."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from tabento.__main__ import main
from tabento.command_line.version import DECIDING_PACKAGES, version_line


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Tabento, Python and the packages that decide answers, each with its version."""
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"tabento {version('tabento')} (Python {sys.version.split()[0]}")
    assert all(f"{name} {version(name)}" in line for name in DECIDING_PACKAGES)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is not installed is listed as such, and the other packages with their versions."""
    monkeypatch.setattr("tabento.command_line.version.DECIDING_PACKAGES", ("no-such-package",))
    assert "no-such-package not installed" in version_line()
