"""Paths that a command takes from its option, else from a setting of the project, else from a default."""

from __future__ import annotations

import os
from pathlib import Path


def path_setting(option: Path | None, variable: str) -> Path | None:
    """Return the path of an option, else of a variable of the environment, of ``.env`` or of a profile; None without any.

    Args:
        option: the value of the option; None if it is absent.
        variable: the name of the setting's variable.

    Raises:
        EnvironmentFileError: ``.env`` or a profile cannot be read.
    """
    if option is not None:
        return option
    if path := os.environ.get(variable):
        return Path(path)
    from tabento.bundle.env_files import environment_files, read_environment_file

    path = ""
    for variables_path in environment_files(Path.cwd(), os.environ):
        path = read_environment_file(variables_path).get(variable, path)
    return Path(path) if path else None
