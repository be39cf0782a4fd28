"""The command that installs missing packages works in the environment in which it is printed."""

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
def use_other_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let Python run in an environment that is not the checkout's own."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin python"))


def offer(monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], programs: tuple[str, ...]) -> None:
    """Make only these modules and programs available."""
    monkeypatch.setattr(installing, "find_spec", lambda name: ModuleSpec(name, None) if name in modules else None)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)


def test_checkout_has_its_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the checkout's own environment the command is make, with its folder if it runs in another one."""
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
@pytest.mark.usefixtures("use_other_environment")
def test_other_environments_use_their_own_installer(
    modules: tuple[str, ...], programs: tuple[str, ...], begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command uses pip only if it exists; otherwise it uses uv, or installs pip first."""
    offer(monkeypatch, modules, programs)
    begin = begin.format(python=sys.executable)
    assert install_command("lightgbm") == f"{begin} 'lightgbm>=4.7,<5'"
    assert install_command() == f"{begin} -r {ROOT}/requirements/training.txt"


@pytest.mark.usefixtures("use_other_environment")
def test_installed_package_refers_to_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside a checkout there is no list of packages, so the message refers to the checkout."""
    monkeypatch.setattr(training, "__file__", str(tmp_path / "training" / "__init__.py"))
    assert "in a checkout" in install_command()


def test_optional_packages_are_extras_of_the_project_and_known_to_make() -> None:
    """A package that messages name is an extra of the same versions, and `make setup` can install it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known_extras = re.search(r"^KNOWN_EXTRAS := (.*)$", makefile, re.MULTILINE)
    assert known_extras is not None
    assert set(EXTRAS) <= set(known_extras[1].split()) <= {*extras, *project["dependency-groups"]}
    for name, requirement in EXTRAS.items():
        specifier = requirement.removeprefix(name)
        assert all(re.match(r"[a-z-]+", item) and specifier in item for item in extras[name])


def test_version_is_that_of_the_project() -> None:
    """The installed metadata and pyproject.toml have the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version("tabento") == project["version"]
