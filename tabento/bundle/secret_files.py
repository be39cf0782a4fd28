"""A folder with one secret per file, as Docker, Compose and Kubernetes mount secrets.

The name of a file is the name of a variable, in any letter case, such as `tabento_redis_url`. A value in a file does not
appear in the environment, which child processes inherit and `docker inspect` prints. Serving and training check the
folder with this module before pydantic-settings reads it, so that a wrong file is one clear error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tabento.bundle.env_files import SECRETS_VARIABLE, EnvironmentFileError, read_environment_file
from tabento.bundle.environment import refusal, unknown_variables


def secrets_folder(folder: Path, environment: Mapping[str, str], files: Collection[Path]) -> Path | None:
    """Return the folder of secrets that the environment or a file names, or None if neither does.

    Args:
        folder: the folder at which a relative path starts.
        environment: the environment variables, such as `os.environ`.
        files: files with variables, see `tabento.bundle.env_files`; a later file overrides an earlier one.

    Raises:
        EnvironmentFileError: the folder does not exist or cannot be listed, or one of the files cannot be read.
    """
    named = environment.get(SECRETS_VARIABLE)
    for file in reversed([] if named is not None else [*files]):
        named = read_environment_file(file).get(SECRETS_VARIABLE)
        if named is not None:
            break
    if not named:
        return None
    path = folder / named
    if not path.is_dir():
        raise EnvironmentFileError(
            f"{SECRETS_VARIABLE} names {path}, which is not a folder. Mount the secrets there, or unset {SECRETS_VARIABLE}."
        )
    return path


def check_secret_files(folder: Path, prefix: str, settings: Collection[str], other_prefix: str | None) -> None:
    """Check that each file whose name starts with the prefix is a setting and contains a value.

    Other files of the folder, such as the secrets of other programs, are ignored.

    Args:
        folder: the folder of secrets.
        prefix: the start of the names of the settings.
        settings: the names of the settings.
        other_prefix: files that start with this longer prefix belong to other settings and are ignored.

    Raises:
        EnvironmentFileError: a file is not a setting, exists twice, is empty, or cannot be read. The message never
            contains a value.
    """
    paths: dict[str, Path] = {}
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise EnvironmentFileError(f"{folder} cannot be listed: {error.strerror}. Let this user read it.") from error
    for path in entries:
        name = path.name.upper()
        if not name.startswith(prefix):
            continue
        if name in paths:
            raise EnvironmentFileError(
                f"{folder} has {paths[name].name} and {path.name}, which are one setting. Remove one."
            )
        paths[name] = path
    values = dict.fromkeys(paths, "")
    if unknown := unknown_variables(values, prefix, settings, other_prefix):
        raise EnvironmentFileError(refusal(unknown, prefix, settings, str(folder)))
    for name, path in paths.items():
        if name in settings:
            _check_value(path)


def _check_value(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentFileError(f"{path} cannot be read: {error.strerror}. Let this user read the file.") from error
    except UnicodeDecodeError as error:
        raise EnvironmentFileError(f"{path} is not UTF-8 text. Write the value as text.") from error
    if not text.strip():
        raise EnvironmentFileError(
            f"{path} is empty; expected the value of the setting. Write the value or remove the file."
        )
