"""The last check before a stored model is kept: that the service starts with it.

This is the only module of training that sees the serving side; what is checked there is not written a second time here.
"""

from __future__ import annotations

from bundle.errors import BundleError
from training.errors import SaveError


def require_startup(tag: str) -> None:
    """Let a stored bundle through if the service would start with it.

    Args:
        tag: ``name:version`` in the model store.

    Raises:
        SaveError: the service refuses it; the message has the service's own reason.
    """
    from serving.startup_check import StartupError, check_startup  # what serves is imported only where it is asked

    try:
        check_startup(tag)
    except (StartupError, BundleError) as error:
        raise SaveError(
            f"the service would not start with {tag}, so nothing was saved. Its own check says: {error} Change the model"
            " or its config so that the answers to its own rows can be served."
        ) from error
