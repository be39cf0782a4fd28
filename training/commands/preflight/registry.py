"""The registry: whether it can be reached, before a model is fitted that must be recorded in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from training.commands.preflight.folders import write_problem

if TYPE_CHECKING:
    from tabento.remote.retry import RetryPolicy
    from training.config.settings import TrainingSettings


def registry_problem(settings: TrainingSettings, retry: RetryPolicy | None = None) -> str | None:
    """Return the reason why the registry cannot be used; None if it can be used, or if runs are not tracked.

    A database that does not exist yet is not created: only its folder is checked.

    Args:
        settings: whether runs are recorded, and in which database.
        retry: the attempts; by default those of recording.
    """
    if not settings.tracking:
        return None
    from training.registry.tracking.errors import TrackingError
    from training.registry.tracking.place import RETRY, require_reachable, sqlite_path, tracking_uri

    try:
        uri = tracking_uri(settings)
        path = sqlite_path(uri)
        if path is not None:
            if problem := _folder_problem(settings, path):
                return problem
            if not path.exists():
                return None
        require_reachable(uri, retry=retry or RETRY)
    except TrackingError as error:
        return f"{error} Or train without a record: --no-tracking."
    return None


def _folder_problem(settings: TrainingSettings, path: Path) -> str | None:
    option = "--registry-folder" if settings.tracking_uri is None else "--tracking-uri"
    return write_problem(
        path.parent, "The registry", f"Choose another place with {option}, or train with --no-tracking"
    )
