"""The project: the checkout whose ``training`` package has all commands but ``export``, ``keys`` and ``sign``.

The wheel holds the library only. The installed script therefore looks for the project in the working folder and its
parents, then next to the library, where an editable install has it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import tabento

PROJECT_COMMANDS = (
    *("init", "data", "train", "ensure", "record", "evaluate", "retrain"),
    *("import", "models", "serve", "bento", "rollout", "capacity", "score", "log", "drift", "feedback", "quality"),
)
"""The commands that need the project."""


def find_project() -> Path | None:
    """Return the folder of the project: it holds ``bentofile.yaml`` and the package ``training``. None if not found."""
    return next((folder for folder in _candidates() if _is_project(folder)), None)


def add_project_to_path() -> bool:
    """Make the project's packages importable, here and in processes that a command starts.

    Returns:
        Whether a project was found.
    """
    project = find_project()
    if project is None:
        return False
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
        folders = [str(project), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    return True


def _candidates() -> Iterator[Path]:
    try:
        working_folder = Path.cwd()
    except OSError:  # the working folder was deleted
        pass
    else:
        yield working_folder
        yield from working_folder.parents
    yield Path(tabento.__file__).resolve().parents[1]


def _is_project(folder: Path) -> bool:
    return (folder / "bentofile.yaml").is_file() and (folder / "training" / "__main__.py").is_file()
