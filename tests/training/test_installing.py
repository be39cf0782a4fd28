"""The command that installs what is missing: one that works in the place where it is printed."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path

import pytest

import training
from training import installing
from training.installing import EXTRAS, install_command

ROOT = Path(training.__file__).resolve().parents[1]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let Python run in an environment that is not the checkout's own."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin python"))


def offer(monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], programs: tuple[str, ...]) -> None:
    """Let only these modules and programs be there."""
    monkeypatch.setattr(installing, "find_spec", lambda name: ModuleSpec(name, None) if name in modules else None)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)


def test_checkout_has_its_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the checkout's own environment it is make; from another folder make is told where."""
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    monkeypatch.chdir(ROOT)
    assert install_command("lightgbm") == "make setup EXTRAS=lightgbm"
    assert install_command() == "make setup"
    monkeypatch.chdir(tmp_path)
    assert install_command("xgboost") == f"make -C {ROOT} setup EXTRAS=xgboost"


@pytest.mark.parametrize(
    ("modules", "programs", "begin"),
    [
        (("pip", "uv"), ("uv",), "'{python}' -m pip install"),
        (("uv",), ("uv",), "uv pip install --python '{python}'"),
        (("uv",), (), "'{python}' -m uv pip install --python '{python}'"),
        ((), (), "'{python}' -m ensurepip && '{python}' -m pip install"),
    ],
)
@pytest.mark.usefixtures("elsewhere")
def test_other_environments_get_what_they_have(
    modules: tuple[str, ...], programs: tuple[str, ...], begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip is named only if it is there; an environment without it gets uv, or pip first."""
    offer(monkeypatch, modules, programs)
    begin = begin.format(python=sys.executable)
    assert install_command("lightgbm") == f"{begin} 'lightgbm>=4.7,<5'"
    assert install_command() == f"{begin} -r {ROOT}/requirements/training.txt"


@pytest.mark.usefixtures("elsewhere")
def test_installed_package_knows_no_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside a checkout nothing says what training needs, so the checkout is named."""
    monkeypatch.setattr(training, "__file__", str(tmp_path / "training" / "__init__.py"))
    assert "in a checkout" in install_command()


def test_extras_are_groups_of_the_project_and_of_make() -> None:
    """What is named as an extra is a dependency group of the same versions, and `make setup` knows it."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = re.search(r"^KNOWN_EXTRAS := (.*)$", makefile, re.MULTILINE)
    assert known is not None
    assert set(EXTRAS) <= set(known[1].split()) <= set(groups)
    for name, requirement in EXTRAS.items():
        specifier = requirement.removeprefix(name)
        assert all(re.match(r"[a-z-]+", item) and specifier in item for item in groups[name])


def test_version_is_that_of_the_project() -> None:
    """The installed record says what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version("tabento") == project["version"]
