"""Who does something."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tabento.user_name import UNKNOWN, user_name


@pytest.fixture(autouse=True)
def no_git_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git know nobody."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, str(tmp_path / "gitconfig"))


def test_git_knows_first(tmp_path: Path) -> None:
    """The name that stands in commits stands in the history."""
    (tmp_path / "gitconfig").write_text("[user]\n  name = Ada Example\n", encoding="utf-8")
    assert user_name() == "Ada Example"


def test_account_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a git user, or without git, it is the account's name."""
    monkeypatch.setenv("LOGNAME", "ada")
    assert user_name() == "ada"
    monkeypatch.setenv("PATH", "")
    assert user_name() == "ada"


def test_nobody_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without a name is no error."""

    def raise_key_error() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", raise_key_error)
    assert user_name() == UNKNOWN
