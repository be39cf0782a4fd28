"""The search for a stored model before any data is loaded: by config, checksum of the data, code and versions.

The command ``ensure`` starts here, without scikit-learn, pandas and MLflow. A model that is found was made from the same data:
the checksum of a file is computed every time, and a pinned source can only be the file that its config names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tabento.bundle.errors import BundleError
from tabento.bundle.store import find_folder, read_bundle
from tabento.tables.faults import DownloadError
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.data.identity import (
    SYNTHETIC,
    DataIdentity,
    real_data,
    requested_data,
    synthetic_source,
    synthetic_warning,
)
from training.progress import Progress
from training.registry.file_lock import one_process_at_a_time, store_lock
from training.registry.provenance import fingerprint
from training.stages.unrecorded import finish_records

PROBE_TIMEOUT_S = 2.0
"""The time limit of a server's answer, after which a stored model of synthetic rows is used instead of real data."""


def ensure_model(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    before_training: Callable[[], None] = lambda: None,
    record_later: bool = False,
) -> str:
    """Return the tag of a stored bundle of this config, data and code. Train if no such bundle verifies.

    A stored model that is not recorded yet is recorded, unless ``record_later`` is set.

    Arguments and errors are those of ``training.stages.run.train``; ``before_training`` is called before a
    training; ``record_later`` leaves the record in MLflow to ``tabento record``.
    """
    tag = find_stored(config, given_data, settings, progress)
    if tag is None:
        with _lock_training(config.name, progress):
            # Imported here, because the import takes seconds. It searches again, because another process may have trained.
            from training.stages.run import train_unless_stored

            return train_unless_stored(
                config, given_data, settings, progress, before_training=before_training, record_later=record_later
            )
    progress.say(f"{tag} is stored already")
    if not record_later:
        finish_records(settings, progress, config.name)
    return tag


@contextmanager
def _lock_training(name: str, progress: Progress) -> Iterator[None]:
    """Hold a lock against other processes training the same model. If the lock is not available, run without it."""
    with ExitStack() as stack:
        with suppress(OSError):
            say = f"Another process trains {name}; this process waits for its end"
            stack.enter_context(one_process_at_a_time(store_lock(name), lambda: progress.say(say)))
        yield


def find_stored(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress
) -> str | None:
    """Return the tag of the stored bundle that a run would make again; None if it cannot be known before loading the data.

    A config that leaves something to the data is known only when the data has been read.

    If a model of synthetic rows is stored because the config's source was not available, the source is tried again with a
    short time limit. Without a network the stored model is used again, with a warning that it is synthetic.

    Raises:
        DataError: the given file does not exist.
    """
    if config.is_open:
        return None
    requested = requested_data(config, given_data, settings)
    real = real_data(config, requested, settings.data_folder)
    if real is not None and (tag := _find_verified(config, real)):
        return tag
    if not settings.allow_synthetic or requested not in (None, SYNTHETIC) or config.synthetic is None:
        return None
    tag = _find_verified(config, DataIdentity("synthetic", None))
    if tag is None:
        return None
    reason = "as requested"
    if requested is None:
        unavailable = _why_unavailable(config, settings, progress)
        if unavailable is None:
            return None
        reason = unavailable
    rows, source = config.synthetic.rows, synthetic_source(config.synthetic)
    progress.warn(synthetic_warning(config, rows, source, reason))
    return tag


def _why_unavailable(config: ModelConfig, settings: TrainingSettings, progress: Progress) -> str | None:
    """Return the reason why the real data of a config is not available; None if it is available and in the cache now."""
    if config.source is None:
        return "because the config names no source and no data was given with DATA=<path>"
    # Imported here, because the import of the HTTP client takes a fifth of a second.
    from tabento.remote.retry import RetryPolicy
    from training.data.download import fetch

    try:
        with progress.step("Try the download once"):
            fetch(config.source, settings.data_folder, retry=RetryPolicy(attempts=1, timeout_s=PROBE_TIMEOUT_S))
    except DownloadError as error:
        return f"because the real data is not available: {error}"
    return None


def _find_verified(config: ModelConfig, data: DataIdentity) -> str | None:
    """Return the tag of a stored bundle of this data that verifies; None if no bundle verifies."""
    folder = find_folder(config.name, fingerprint(config, data, config.decisions()))
    if folder is None:
        return None
    try:
        return read_bundle(folder, f"{config.name}:{folder.name}").tag
    except (BundleError, OSError):
        return None
