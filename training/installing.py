"""Commands for messages: how to install a missing package and how to call a program, in the current environment.

A virtual environment of uv has no pip, and dependency groups exist in a checkout only, so no single command fits all
environments. This module imports the standard library only, because it is used when other packages are missing.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import training

EXTRAS = {"lightgbm": "lightgbm>=4.7,<5", "xgboost": "xgboost>=3,<4"}
"""The optional packages of estimators, by the module's name; pyproject.toml has the same as extras."""


def install_command(extra: str | None = None) -> str:
    """Return the command that installs an optional package, or all packages of training, into this environment.

    Args:
        extra: a key of ``EXTRAS``; None for the packages that training itself needs.
    """
    root = Path(training.__file__).resolve().parents[1]
    if (root / "Makefile").is_file() and Path(sys.prefix).resolve() == root / ".venv":
        folder_option = "" if Path.cwd().resolve() == root else f" -C {shlex.quote(str(root))}"
        return f"make{folder_option} setup" + (f" EXTRAS={extra}" if extra else "")
    if extra is not None:
        packages = shlex.quote(EXTRAS[extra])
    elif (lock := root / "requirements" / "training.txt").is_file():
        packages = f"-r {shlex.quote(str(lock))}"
    else:
        return "make setup (in a checkout of Tabento, which lists the packages that training needs)"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is not None:
        return f"{python} -m pip install {packages}"
    if shutil.which("uv") is not None:
        return f"uv pip install --python {python} {packages}"
    if find_spec("uv") is not None:
        return f"{python} -m uv pip install --python {python} {packages}"
    return f"{python} -m ensurepip && {python} -m pip install {packages}"


def program(name: str) -> str:
    """Return the command for a program of this environment: its name if the search path finds it here, else its path."""
    local_program = Path(sys.executable).parent / name
    first_match = shutil.which(name)
    if first_match is not None and Path(first_match).absolute() == local_program.absolute():
        return name
    cwd = Path.cwd()
    return shlex.quote(str(local_program.relative_to(cwd) if local_program.is_relative_to(cwd) else local_program))
