"""The errors of this computer's disk while a bundle is stored, with their remedies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollout.cascade.errors import StoreWriteError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Raise the errors of a disk with their remedy.

    Args:
        path: the file or folder that is written.

    Raises:
        StoreWriteError: the disk is full, or the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            remedy = "the disk is full. Free space, or remove old versions with `bentoml models delete`"
        elif error.errno == errno.EXDEV:
            remedy = (
                "BENTOML_HOME and the folder `models` in it are on different disks. Mount the volume at BENTOML_HOME, so that"
                " a bundle can be moved into the store in one step"
            )
        else:
            remedy = (
                f"{error.strerror or error}. Let the service write to BENTOML_HOME (by default ~/bentoml), or store the bundle"
                " there before the service starts"
            )
        raise StoreWriteError(f"the bundle cannot be stored in {path}: {remedy}.") from error
