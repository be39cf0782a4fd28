"""The environment variables that are settings, and the variables that an orchestrator added.

Kubernetes describes every Service of a namespace to every container in variables that start with the Service's name
("Discovering services" in its documentation), and Docker does the same for linked containers. A Service named `tabento`
therefore sets TABENTO_PORT and others, which look like settings but are not. Serving and training both read their
settings through this module, so both ignore the same variables.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from tabento.bundle.env_files import CHOOSERS, read_environment_file

_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
"""The start of the value of an injected address. No setting has such a value."""
_SERVICE_NAME = re.compile(r".+_SERVICE_(?:HOST|PORT|PORT_[A-Z0-9_]+)")
_PORT_PART = re.compile(r".+_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?")
_LINK_NAME = re.compile(r".+_NAME")
_LINK_VARIABLE = re.compile(r".+?_ENV_.+")


def is_injected(variable: str, value: str) -> bool:
    """Return True if an orchestrator set a variable to describe a Service or a linked container.

    Args:
        variable: its name, in upper case.
        value: its value. `X_PORT` is injected only if the value is an address, and `X_NAME` only if it is a path such as
            `/web/x`, so that a mistyped setting is not taken for either.
    """
    if _ADDRESS.match(value) or _SERVICE_NAME.fullmatch(variable) or _PORT_PART.fullmatch(variable):
        return True
    if _LINK_NAME.fullmatch(variable):
        return value.startswith("/")
    return _LINK_VARIABLE.fullmatch(variable) is not None


def unknown_variables(
    environment: Mapping[str, str], prefix: str, settings: Collection[str], other_prefix: str | None = None
) -> list[str]:
    """Return the variables that start with a prefix but are neither settings nor injected, in alphabetical order.

    Args:
        environment: the variables, such as `os.environ`.
        prefix: the start of the names of the settings.
        settings: the names of the settings.
        other_prefix: variables that start with this longer prefix belong to other settings and are ignored.
    """
    return sorted(
        name
        for name, value in environment.items()
        if name.startswith(prefix)
        and name not in settings
        and name not in CHOOSERS
        and not (other_prefix is not None and name.startswith(other_prefix))
        and not is_injected(name, value)
    )


def refusal(unknown: Collection[str], prefix: str, settings: Collection[str], place: str = "the environment") -> str:
    """Return the message that refuses unknown variables; it suggests the setting whose name is closest to each.

    Args:
        unknown: their names.
        prefix: the start of the names of the settings.
        settings: the names of the settings.
        place: the place of the variables, such as a file.
    """
    # The common prefix would make all names similar.
    by_short_name = {name.removeprefix(prefix): name for name in settings}
    sentences = []
    for name in unknown:
        closest = difflib.get_close_matches(name.removeprefix(prefix), by_short_name, n=1)
        sentences.append(
            f"{name} is not a setting" + (f"; did you mean {by_short_name[closest[0]]}?" if closest else ".")
        )
    return f"unknown in {place}: {' '.join(sentences)} The settings are {', '.join(settings)}."


def without_injected(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return environment variables without those that an orchestrator injected."""
    return {name: value for name, value in variables.items() if value is None or not is_injected(name.upper(), value)}


def refused_variables(
    environment: Mapping[str, str],
    files: Collection[Path],
    prefix: str,
    settings: Collection[str],
    other_prefix: str | None,
) -> str | None:
    """Return the message that refuses unknown variables in the environment or in files; None if all are settings.

    Args:
        environment: the variables, such as ``os.environ``.
        files: files with variables, see ``tabento.bundle.env_files``.
        prefix: the start of the names of the settings.
        settings: the names of the settings.
        other_prefix: variables that start with this longer prefix belong to other settings and are ignored.

    Raises:
        EnvironmentFileError: a file cannot be read.
    """
    places = [("the environment", environment), *((str(path), read_environment_file(path)) for path in files)]
    messages = [
        refusal(unknown, prefix, settings, place)
        for place, variables in places
        if (unknown := unknown_variables(variables, prefix, settings, other_prefix))
    ]
    return "\n".join(messages) or None


def variables_of_settings(
    variables: Mapping[str, str | None], prefix: str, fields: Collection[str]
) -> dict[str, str | None]:
    """Return the variables of a file that are settings; other programs can have variables in the same file.

    Args:
        variables: by name, in any letter case.
        prefix: the start of the names of the settings.
        fields: the settings' own names, without the prefix, in lower case.
    """
    lower_names = {prefix.lower() + name for name in fields}
    return {name: value for name, value in variables.items() if name.lower() in lower_names}
