"""Stored models that are not recorded yet, so that the first prediction does not wait for MLflow.

``ensure --record-later`` stores a model, keeps the outputs of its stages in ``<artifacts>/<name>/.unrecorded-<version>``, and
ends. ``tabento record`` enters runs and model into MLflow, as ``train`` does immediately, and removes the folder. If a
record was interrupted or MLflow refused it, it is finished by the next ``record``, ``train``, ``retrain`` or ``models``.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.config.settings import TrainingSettings
    from training.progress import Progress

PREFIX = ".unrecorded-"


def find_unrecorded(settings: TrainingSettings, name: str | None = None) -> list[Path]:
    """Return the folders of stored models that are not recorded yet, of one model or of all, the oldest first."""
    folders = settings.artifacts_folder.glob(f"{name or '*'}/{PREFIX}*")
    return sorted((path for path in folders if path.is_dir()), key=lambda path: (path.stat().st_mtime_ns, path.name))


def keep_unrecorded(folder: Path, version: str) -> Path:
    """Rename a run's workspace to the stored version, for its record, and return the new path.

    Raises:
        OSError: the folder cannot be renamed.
    """
    return folder.rename(folder.with_name(f"{PREFIX}{version}"))


def finish_records(settings: TrainingSettings, progress: Progress, name: str | None = None) -> bool:
    """Record every stored model that is not recorded yet, and return whether all models are recorded.

    Without such a model, MLflow is not imported and nothing is printed. A failed record is a warning with its remedy.
    """
    if not settings.tracking:
        return True
    if not find_unrecorded(settings, name):
        return True
    # Imported here, because the import takes seconds.
    from training.registry.file_lock import one_process_at_a_time, store_lock
    from training.stages.late_record import record_late

    with ExitStack() as stack:
        # Of two processes, the second finds nothing to record.
        with suppress(OSError):
            stack.enter_context(one_process_at_a_time(store_lock("records")))
        failed = [folder for folder in find_unrecorded(settings, name) if not record_late(folder, settings, progress)]
    return not failed
