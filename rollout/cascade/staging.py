"""The staging folder beside the model store: bundles are complete before they are moved into the store, in one step.

One process at a time fetches a version. A folder that a killed process left behind is removed by the next fetch.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rollout.cascade.disk import storing
from rollout.cascade.errors import BundleUnavailableError
from tabento.bundle.store import store_folder

FOLDER = "fetching"
"""The folder's name in BENTOML_HOME. It is not in the store, whose folders BentoML takes for models."""
_POLL_S = 0.05
_LOCK = ".lock"


@contextmanager
def staging_folder(tag: str, timeout_s: float) -> Iterator[Path]:
    """Yield an empty folder for the fetch of a version, which no other process or thread has; it is removed at the end.

    Args:
        tag: ``name:version``.
        timeout_s: the longest wait for another process that fetches the same version, in seconds.

    Raises:
        BundleUnavailableError: another process has been fetching the version for too long.
        StoreWriteError: the folder cannot be made.
    """
    root = store_folder().parent / FOLDER
    folder = root / tag.replace(":", "-at-")
    lock = root / (folder.name + _LOCK)
    with storing(root):
        root.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(lock, timeout_s)
    if descriptor is None:
        raise BundleUnavailableError(
            f"{tag} is not fetched: another process has been fetching it for {timeout_s:.3g} s. If none does, remove {lock}."
        )
    try:
        _remove_abandoned(root)
        with storing(folder):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
        yield folder
    finally:
        # A thread that was given up may still write into it; its file then has no folder, and the thread ends.
        shutil.rmtree(folder, ignore_errors=True)
        _release(lock, descriptor)


def _acquire(lock: Path, timeout_s: float) -> int | None:
    """Return the descriptor of a locked file; None if another holds it for too long."""
    end_s = time.monotonic() + timeout_s
    wait = threading.Event()
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= end_s:
                return None
            wait.wait(_POLL_S)
            continue
        # The file's last owner removed it, perhaps after it was opened here: then its lock is worth nothing.
        with suppress(FileNotFoundError):
            if lock.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def _release(lock: Path, descriptor: int) -> None:
    with suppress(OSError):
        lock.unlink()
    os.close(descriptor)


def _remove_abandoned(root: Path) -> None:
    """Remove the folders and files of fetches whose process has ended."""
    for folder in root.iterdir():
        if not folder.is_dir():
            continue
        lock = root / (folder.name + _LOCK)
        with suppress(OSError):
            descriptor = _acquire(lock, 0.0)
            if descriptor is not None:
                shutil.rmtree(folder, ignore_errors=True)
                _release(lock, descriptor)
