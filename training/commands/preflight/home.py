"""The home folder of BentoML with the model store. It is checked before BentoML is imported, which creates folders in it."""

from __future__ import annotations

import os
from pathlib import Path

from training.commands.preflight.folders import write_problem
from training.commands.preflight.problems import require_none

VARIABLE = "BENTOML_HOME"


def bentoml_home() -> Path | None:
    """Return the folder of the model store, which might not exist; None if it is not defined."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    try:
        return Path.home() / "bentoml"
    except RuntimeError:
        return None


def home_problem() -> str | None:
    """Return the reason why the model store cannot be used; None if it can be used."""
    home = bentoml_home()
    if home is None:
        return "This account has no home folder for the model store. Set BENTOML_HOME to a folder that can be written."
    if not str(os.environ.get(VARIABLE, "set")):
        return "BENTOML_HOME is set to nothing. Unset it, or set it to a folder that can be written."
    # BentoML creates folders inside. One of them might not be writable.
    for folder in (home, home / "models"):
        if problem := write_problem(folder, "The model store", "Set BENTOML_HOME to a folder that can be written"):
            return problem
    return None


def require_home() -> None:
    """Refuse to begin if the model store cannot be written.

    Raises:
        PreflightError: the message names the folder and the remedy.
    """
    require_none([home_problem()])


def is_any_stored(name: str) -> bool:
    """Return whether the store has a version of a model, without opening it."""
    home = bentoml_home()
    folder = None if home is None else home / "models" / name
    try:
        return folder is not None and folder.is_dir() and any(entry.is_dir() for entry in folder.iterdir())
    except OSError:
        return False
