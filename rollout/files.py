"""Files that several processes read while one changes them: bounded reads, atomic writes, a lock with a deadline.

The document, its history and its overrides are such files. A reader sees the former or the new content, never a part.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rollout.errors import DocumentWriteError
from tabento.bundle.numbers import number_text

MAX_FILE_BYTES = 16 << 20
"""The largest file that is read: the document of some 10,000 models."""
NEW_FILE_MODE = 0o644
LOCK_TIMEOUT_S = 10.0
"""The seconds after which a lock that another process holds is an error: a change takes milliseconds."""
LOCK_RETRY_S = 0.01

Signature = tuple[int, int, int, int, int]
"""Device, inode, size and times of a file. Another content has another signature, if it is not too young."""


class FileReadError(Exception):
    """A file of the rollout cannot be read."""


def signature(path: Path) -> Signature | None:
    """Return the signature of the file behind a path; None if there is none or it cannot be reached."""
    try:
        state = os.stat(path)  # noqa: PTH116 - Path.stat takes twice the time, at every look
    except OSError:
        return None
    return signature_of(state)


def signature_of(state: os.stat_result) -> Signature:
    """Return the signature of a file's state."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def read_file(path: Path) -> tuple[bytes, os.stat_result] | None:
    """Return the bytes of a file and the state of exactly this file, also if the path is replaced meanwhile.

    Returns None if there is no such file.

    Raises:
        FileReadError: it is not a regular file, is too large or cannot be read.
    """
    try:
        # Without O_NONBLOCK a named pipe would block until a writer opens it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileReadError(f"{path} cannot be read: {error.strerror}. Check its path and its mode.") from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise FileReadError(f"{path} is not a regular file. Name a file, not a folder or a device.")
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise FileReadError(f"{path} cannot be read: {error.strerror}. Check the disk.") from error
    if len(data) > MAX_FILE_BYTES:
        raise FileReadError(f"{path} has more than {MAX_FILE_BYTES} bytes. Remove models that are not served any more.")
    return data, state


def lock_path(path: Path) -> Path:
    """Return the file of the lock of a file. It is a file of its own, because each change replaces the file."""
    return path.with_name(path.name + ".lock")


def open_lock(path: Path, remedy: str) -> int:
    """Return a descriptor of the lock of a file. The folder is made if it does not exist.

    Args:
        path: the file that is protected.
        remedy: the end of the message if the folder cannot be written.

    Raises:
        DocumentWriteError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(lock_path(path), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), NEW_FILE_MODE)
    except OSError as error:
        raise DocumentWriteError(f"the folder {path.parent} cannot be written: {error.strerror}. {remedy}") from error


@contextlib.contextmanager
def hold_lock(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock of a file while the block runs. The end of a process frees its locks.

    Raises:
        DocumentWriteError: the folder cannot be written, or another process holds the lock for longer than ``timeout_s``.
    """
    import fcntl  # a service on a system without it can still read the document

    descriptor = open_lock(path, "Change a mounted file at its source, or let the service own the folder.")
    try:
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    raise DocumentWriteError(
                        f"another process has held {lock_path(path)} for more than {number_text(timeout_s)} s. Look for a process that hangs."
                    ) from None
                time.sleep(LOCK_RETRY_S)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file next to ``path`` and rename it. The mode and the group of an existing file stay.

    Raises:
        DocumentWriteError: it cannot be written; the file is as before.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                _keep_mode(path, descriptor)
                os.fsync(descriptor)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DocumentWriteError(
            f"{path} cannot be written: {error.strerror}. It is unchanged; check the disk and the folder."
        ) from error


def _keep_mode(path: Path, descriptor: int) -> None:
    """Give a new file the mode and the owner of the file that it replaces."""
    try:
        state = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_FILE_MODE)
        return
    with contextlib.suppress(PermissionError):  # only root can give a file to another user
        os.fchown(descriptor, state.st_uid, state.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
