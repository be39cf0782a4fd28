"""The checks that the service can start: with a stored model, and at an address.

This is the only module of training that imports the serving side, so that the check is written once.
"""

from __future__ import annotations

from pathlib import Path

import training
from tabento.bundle.errors import BundleError
from tabento.errors import SaveError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses of this computer only, at which the service starts with and without API keys."""


def address_problem(host: str) -> str | None:
    """Return the reason why the service would not start at an address; None if it would start.

    Args:
        host: the address that ``--host`` names.
    """
    if host in LOOPBACK:
        return None  # the import takes a second
    from serving.operations.startup_check import address_problem as serving_problem

    problem = serving_problem(host, Path(training.__file__).resolve().parents[1])
    return None if problem is None else f"Host {host}: {problem}"


def require_startup(tag: str) -> None:
    """Raise an error if the service would not start with a stored bundle.

    Args:
        tag: ``name:version`` in the model store.

    Raises:
        SaveError: the service refuses the bundle; the message has the service's reason.
    """
    from serving.operations.startup_check import (  # imported here, because other stages do not need the serving side
        StartupError,
        check_startup,
    )

    try:
        check_startup(tag)
    except (StartupError, BundleError) as error:
        raise SaveError(
            f"the service would not start with {tag}, so nothing was saved. The service's check reports: {error} Change the model"
            " or its config so that the answers to its own rows can be served."
        ) from error
