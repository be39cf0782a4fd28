"""How what is missing is installed, and programs are called: commands that work where the message is printed.

A virtual environment that uv made has no pip, and dependency groups are known in a checkout only, so there is no one
command for all places. Nothing here imports more than the standard library: it is asked where other packages are missing.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import training

EXTRAS = {"lightgbm": "lightgbm>=4.7,<5", "xgboost": "xgboost>=3,<4"}
"""The optional packages of estimators, by the module's name; pyproject.toml has the same as groups."""


def install_command(extra: str | None = None) -> str:
    """Return the command that installs an optional package, or all that training needs, into this environment.

    Args:
        extra: a key of ``EXTRAS``; None for what training itself needs.
    """
    root = Path(training.__file__).resolve().parents[1]
    if (root / "Makefile").is_file() and Path(sys.prefix).resolve() == root / ".venv":
        place = "" if Path.cwd().resolve() == root else f" -C {shlex.quote(str(root))}"
        return f"make{place} setup" + (f" EXTRAS={extra}" if extra else "")
    if extra is not None:
        what = shlex.quote(EXTRAS[extra])
    elif (lock := root / "requirements" / "training.txt").is_file():
        what = f"-r {shlex.quote(str(lock))}"
    else:
        return "make setup (in a checkout of Tabento, which has the list of what training needs)"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is not None:
        return f"{python} -m pip install {what}"
    if shutil.which("uv") is not None:
        return f"uv pip install --python {python} {what}"
    if find_spec("uv") is not None:
        return f"{python} -m uv pip install --python {python} {what}"
    return f"{python} -m ensurepip && {python} -m pip install {what}"


def program(name: str) -> str:
    """Return how a program of this environment is called: by its name if that leads here, else by its path."""
    here = Path(sys.executable).parent / name
    found = shutil.which(name)
    if found is not None and Path(found).absolute() == here.absolute():
        return name
    cwd = Path.cwd()
    return shlex.quote(str(here.relative_to(cwd) if here.is_relative_to(cwd) else here))
