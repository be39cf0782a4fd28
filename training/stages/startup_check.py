"""The last check of a stored model: the service can start with it.

This is the only module of training that imports the serving side, so that the check is written once.
"""

from __future__ import annotations

from tabento.bundle.errors import BundleError
from tabento.errors import SaveError


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
