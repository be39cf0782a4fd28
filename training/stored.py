"""A stored model is found before anything is loaded: by its config, its data's checksum, the code and the versions.

It is the beginning of ``ensure``, and it answers without scikit-learn, pandas and MLflow. What it finds was made of the
same data: a file's checksum is computed every time, and a pinned source can only be the file that its config names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from bundle.errors import BundleError
from bundle.store import find_folder, read_bundle
from training.config import ModelConfig
from training.data.errors import DownloadError
from training.data.identity import SYNTHETIC, DataIdentity, real_data, synthetic_source, synthetic_warning, wanted
from training.exclusive import one_process_at_a_time, store_lock
from training.progress import Progress
from training.provenance import fingerprint
from training.settings import TrainingSettings
from training.unrecorded import finish_records

PROBE_TIMEOUT_S = 2.0
"""How long a server may stay silent before a stored model of made-up rows is taken instead of real data."""


def ensure(
    config: ModelConfig,
    given_data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    before_training: Callable[[], None] = lambda: None,
    record_later: bool = False,
) -> str:
    """Return the tag of a stored bundle of this config, data and code; train where there is none that verifies.

    A model that was stored by an earlier run and is not recorded yet is recorded first, unless that is left for later.

    Arguments and errors are those of ``training.run.train``; ``before_training`` is called if training is needed, before it
    begins; ``record_later`` leaves what MLflow gets to ``tabento record``.
    """
    tag = find_stored(config, given_data, settings, progress)
    if tag is None:
        with _alone(config.name, progress):
            # Imported where something is trained: it takes seconds. It looks once more, after another process has trained.
            from training.run import train_unless_stored

            return train_unless_stored(
                config, given_data, settings, progress, before_training=before_training, record_later=record_later
            )
    progress.say(f"{tag} is stored already")
    if not record_later:
        finish_records(settings, progress, config.name)
    return tag


@contextmanager
def _alone(name: str, progress: Progress) -> Iterator[None]:
    """Keep other processes from training the same model while the block runs; where that cannot be, run it all the same."""
    with ExitStack() as stack:
        with suppress(OSError):
            say = f"Another process trains {name}; this one waits for its end"
            stack.enter_context(one_process_at_a_time(store_lock(name), lambda: progress.say(say)))
        yield


def find_stored(
    config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress
) -> str | None:
    """Return the tag of the stored bundle that a run would make again; None if the run itself has to look.

    A config that leaves something to the data is known only when the data has been read.

    Where a config's source was out of reach and a model of made-up rows is stored, the source is tried once more, for a
    moment only: without a network the stored model is taken again, and said to be synthetic.

    Raises:
        DataError: a file was given that is not there.
    """
    if config.is_open:
        return None
    given = wanted(config, given_data, settings)
    real = real_data(config, given, settings.data_folder)
    if real is not None and (tag := _verified(config, real)):
        return tag
    if not settings.allow_synthetic or given not in (None, SYNTHETIC) or config.synthetic is None:
        return None
    tag = _verified(config, DataIdentity("synthetic", None))
    if tag is None:
        return None
    reason = "as asked for"
    if given is None:
        found = _out_of_reach(config, settings, progress)
        if found is None:
            return None
        reason = found
    rows, source = config.synthetic.rows, synthetic_source(config.synthetic)
    progress.warn(synthetic_warning(config, rows, source, reason))
    return tag


def _out_of_reach(config: ModelConfig, settings: TrainingSettings, progress: Progress) -> str | None:
    """Return why the real data of a config cannot be had; None where it can, and lies in the cache now."""
    if config.source is None:
        return "because the config names no source and no data was given with DATA=<path>"
    # Imported where it is used: the HTTP client takes a fifth of a second.
    import httpx

    from training.data.download import fetch

    try:
        with progress.step("Try the download once"):
            fetch(config.source, settings.data_folder, attempts=1, timeout=httpx.Timeout(PROBE_TIMEOUT_S))
    except DownloadError as error:
        return f"because the real data could not be had: {error}"
    return None


def _verified(config: ModelConfig, data: DataIdentity) -> str | None:
    """Return the tag of a stored bundle of this data that verifies; one that does not is left to the run to tell."""
    folder = find_folder(config.name, fingerprint(config, data, config.decisions()))
    if folder is None:
        return None
    try:
        return read_bundle(folder, f"{config.name}:{folder.name}").tag
    except (BundleError, OSError):
        return None
