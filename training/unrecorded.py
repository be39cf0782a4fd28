"""Models that are stored and not recorded yet: the first prediction does not wait for MLflow.

``ensure --record-later`` stores a model, keeps what its stages made in ``<artifacts>/<name>/.unrecorded-<version>``, and
ends. ``tabento record`` enters runs and model into MLflow, as ``train`` does at once, and removes the folder. A record
that was interrupted, or that MLflow refused, is finished by the next ``record``, ``train``, ``retrain`` or ``models``.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.progress import Progress
    from training.settings import TrainingSettings

PREFIX = ".unrecorded-"


def unrecorded(settings: TrainingSettings, name: str | None = None) -> list[Path]:
    """Return the folders of stored models that are not recorded yet, of one model or of all, the oldest first."""
    found = settings.artifacts_folder.glob(f"{name or '*'}/{PREFIX}*")
    return sorted((path for path in found if path.is_dir()), key=lambda path: (path.stat().st_mtime_ns, path.name))


def keep_unrecorded(folder: Path, version: str) -> Path:
    """Keep a run's workspace for its record, beside itself under the name of the stored version; return the new place.

    Raises:
        OSError: the folder cannot be renamed.
    """
    return folder.rename(folder.with_name(f"{PREFIX}{version}"))


def finish_records(settings: TrainingSettings, progress: Progress, name: str | None = None) -> bool:
    """Record every stored model that is not recorded yet; return whether none is left.

    Nothing is imported, and nothing told, where there is none. A record that fails is told with what to do.
    """
    if not settings.tracking:
        return True
    if not unrecorded(settings, name):
        return True
    # Imported where something is recorded: it takes seconds.
    from training.exclusive import one_process_at_a_time, store_lock
    from training.stages.late_record import record_late

    with ExitStack() as stack:
        # Of two processes the second finds nothing left to record.
        with suppress(OSError):
            stack.enter_context(one_process_at_a_time(store_lock("records")))
        failed = [folder for folder in unrecorded(settings, name) if not record_late(folder, settings, progress)]
    return not failed
