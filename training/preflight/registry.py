"""The registry: whether it answers, before a model is fitted that it would have to take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from training.preflight.folders import write_problem

if TYPE_CHECKING:
    from tenacity.wait import wait_base

    from training.settings import TrainingSettings


def registry_problem(settings: TrainingSettings, wait: wait_base | None = None) -> str | None:
    """Say why the registry cannot be used; None if it can, or if runs are not tracked.

    A database that is not there yet is not made: only its folder is checked.

    Args:
        settings: whether and where runs are recorded.
        wait: how long to wait between attempts; by default as recording does.
    """
    if not settings.tracking:
        return None
    from training.tracking.errors import TrackingError
    from training.tracking.place import WAIT, require_reachable, sqlite_path, tracking_uri

    try:
        uri = tracking_uri(settings)
        path = sqlite_path(uri)
        if path is not None:
            if problem := _folder_problem(settings, path):
                return problem
            if not path.exists():
                return None
        require_reachable(uri, wait=WAIT if wait is None else wait)
    except TrackingError as error:
        return f"{error} Or train without a record: --no-tracking."
    return None


def _folder_problem(settings: TrainingSettings, path: Path) -> str | None:
    option = "--registry-folder" if settings.tracking_uri is None else "--tracking-uri"
    return write_problem(
        path.parent, "The registry", f"Choose another place with {option}, or train with --no-tracking"
    )
