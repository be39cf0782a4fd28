"""The files that replace environment variables: ``.env`` and the profile of a deployment such as production.

Serving and training both read their settings from the environment first, then from ``.env`` in the working folder,
then from the profile ``configs/profiles/<TABENTO_PROFILE>.env``, if one is chosen. Secrets and values of one computer
belong in ``.env``, which git ignores; a profile is committed and contains no secret.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

FILE_VARIABLE = "TABENTO_ENV_FILE"
"""The path of another file than ``.env``, such as a mounted secret; empty for no file."""
PROFILE_VARIABLE = "TABENTO_PROFILE"
"""The name of the profile; it can be set in ``.env``."""
SECRETS_VARIABLE = "TABENTO_SECRETS_FOLDER"
"""The folder with one secret per file, see ``tabento.bundle.secret_files``; empty for no folder."""
CHOOSERS = (FILE_VARIABLE, PROFILE_VARIABLE, SECRETS_VARIABLE)
DEFAULT_FILE = ".env"
PROFILES_FOLDER = "configs/profiles"


class EnvironmentFileError(Exception):
    """A file with environment variables cannot be found or read."""


def environment_files(folder: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files to read; a later file overrides an earlier one. Empty if there is no file.

    Args:
        folder: the folder of ``.env`` and ``configs/profiles``.
        environment: the environment variables, such as ``os.environ``.

    Raises:
        EnvironmentFileError: a file or a profile that was named does not exist, or ``.env`` cannot be read.
    """
    env_file = _own_file(folder, environment)
    profile = environment.get(PROFILE_VARIABLE) or (
        read_environment_file(env_file).get(PROFILE_VARIABLE) if env_file else None
    )
    files = [env_file] if env_file else []
    if profile:
        files.insert(0, _profile_file(folder, profile))
    return tuple(files)


def read_environment_file(path: Path) -> dict[str, str]:
    """Return a file's variables, as python-dotenv reads them, without replacing ``${NAME}`` in values.

    Raises:
        EnvironmentFileError: the file cannot be read, or a line is not ``NAME=value``; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFileError(f"{path} cannot be read as UTF-8 text: {error}") from error
    variables: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            # The text of the line may be a secret, so the message does not show it.
            leading = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
            raise EnvironmentFileError(
                f"{path}, line {binding.original.line + leading.count(chr(10))}: expected NAME=value, a comment that starts"
                " with #, or an empty line."
            )
        if binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables


def _own_file(folder: Path, environment: Mapping[str, str]) -> Path | None:
    named = environment.get(FILE_VARIABLE)
    if named is None:
        default = folder / DEFAULT_FILE
        return default if default.is_file() else None
    if not named:
        return None
    path = folder / named
    if not path.is_file():
        raise EnvironmentFileError(f"{FILE_VARIABLE} names {path}, which is not a file.")
    return path


def _profile_file(folder: Path, profile: str) -> Path:
    profiles = {path.stem: path for path in sorted((folder / PROFILES_FOLDER).glob("*.env"))}
    if profile not in profiles:
        choice = ", ".join(profiles) if profiles else f"none: {folder / PROFILES_FOLDER} holds no .env file"
        raise EnvironmentFileError(f"{PROFILE_VARIABLE} is {profile!r}. The profiles are {choice}.")
    return profiles[profile]
