"""The key file: the records of all keys as JSON, written atomically.

The file holds no secret. It holds owners, scopes and digests, so a new file is readable by its owner only (mode 0600). The
mode of an existing file stays: a service that runs as another user must still be able to read the file after a change.
Reading accepts every mode, because Kubernetes mounts Secrets with mode 0644 by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tabento.keys.errors import KeysError
from tabento.keys.record import KeyRecord, record_from_json, record_to_json

FORMAT = 1
"""The format of the file. To change it: read the former format as well, and write the new one."""
MAX_FILE_BYTES = 16 << 20
"""The largest file that is read: some 40,000 keys."""
NEW_FILE_MODE = 0o600

Records = tuple[KeyRecord, ...]


def parse_keys(data: bytes, name: str) -> Records:
    """Read the content of a key file.

    Args:
        data: the bytes of the file.
        name: the name of the file, for messages.

    Raises:
        KeysError: it is not JSON, has another format, a wrong record, or two records with one id or one secret.
    """
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        # The message of the JSON library has a position, not the content.
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise KeysError(f"{name} is not valid JSON: {reason}. Restore it, or create keys again.") from None
    if not isinstance(content, dict) or set(content) != {"format", "keys"} or not isinstance(content["keys"], list):
        raise KeysError(
            f'{name}: expected an object with "format" and a list "keys". Create it with `tabento keys create`.'
        )
    if content["format"] != FORMAT:
        raise KeysError(
            f"{name} has the format {content['format']!r}, expected {FORMAT}. Use the version of Tabento that wrote it."
        )
    records = tuple(record_from_json(item, f"{name}, key {index}") for index, item in enumerate(content["keys"], 1))
    check_unique(records, name)
    return records


def check_unique(records: Records, name: str) -> None:
    """Check that no two records share an id or a secret.

    Raises:
        KeysError: two of them do.
    """
    ids: set[str] = set()
    digests: set[bytes] = set()
    for record in records:
        if record.id in ids:
            raise KeysError(f"{name}: the id {record.id!r} appears twice; keep one of the two keys.")
        ids.add(record.id)
        for digest in (record.digest, *(former.digest for former in record.former)):
            if digest in digests:
                raise KeysError(f"{name}: the key {record.id!r} has the secret of another key; rotate one of the two.")
            digests.add(digest)


def format_keys(records: Records) -> bytes:
    """Return the content of a key file."""
    content = {"format": FORMAT, "keys": [record_to_json(record) for record in records]}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def read_bytes(path: Path) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a key file and the state of exactly this file, also if the path is replaced meanwhile.

    Raises:
        KeysError: the file does not exist, is not a regular file, is too large or cannot be read.
    """
    try:
        # Without O_NONBLOCK a named pipe would block until a writer opens it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise KeysError(
            f"the key file {path} does not exist. Create a key: `tabento keys create --file {path}`."
        ) from None
    except OSError as error:
        raise KeysError(
            f"the key file {path} cannot be read: {error.strerror}. Check its path and its mode."
        ) from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise KeysError(f"the key file {path} is not a regular file. Name a file, not a folder or a device.")
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise KeysError(f"the key file {path} cannot be read: {error.strerror}. Check the disk.") from error
    if len(data) > MAX_FILE_BYTES:
        raise KeysError(f"the key file {path} has more than {MAX_FILE_BYTES} bytes. Remove keys that are not used.")
    return data, state


def read_keys(path: Path) -> Records:
    """Read a key file.

    Raises:
        KeysError: it cannot be read, see ``read_bytes`` and ``parse_keys``.
    """
    return parse_keys(read_bytes(path)[0], str(path))


def change_keys(path: Path, change: Callable[[Records], Records], creates: bool = False) -> Records:
    """Read the records, change them and write them, while no other command changes the file.

    Args:
        path: the file; a symbolic link is followed, so that its target changes.
        change: returns the new records; an exception leaves the file as it is.
        creates: whether a missing file is treated as a file without keys.

    Returns:
        The records that were written.

    Raises:
        KeysError: the file cannot be read or written, or ``change`` refuses.
    """
    target = path.resolve()
    if not creates:
        read_bytes(target)  # a missing file is reported before a lock is written next to it
    with _hold_lock(target):
        state: os.stat_result | None = None
        records: Records = ()
        if target.exists() or not creates:
            data, state = read_bytes(target)
            records = parse_keys(data, str(path))
        changed_records = change(records)
        check_unique(changed_records, str(path))
        _replace(target, format_keys(changed_records), state)
    return changed_records


def exposure(path: Path) -> str | None:
    """Return a warning if users other than the owner of a key file can read or change it; None if they cannot."""
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        return f"every user of this computer can add keys to {path}. Take the right away: chmod o-w {path}"
    if mode & stat.S_IROTH:
        return f"every user of this computer can read owners and digests in {path}. To change that: chmod o-r {path}"
    return None


@contextlib.contextmanager
def _hold_lock(target: Path) -> Iterator[None]:
    """Hold the lock of a key file. It is a file of its own, because each change replaces the key file."""
    import fcntl  # a service on a system without it can still read keys

    lock = target.with_name(target.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, NEW_FILE_MODE)
    except OSError as error:
        raise KeysError(
            f"the folder {target.parent} cannot be written: {error.strerror}. Name another file with --file, or change a"
            " mounted file at its source."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, data: bytes, state: os.stat_result | None) -> None:
    """Write a file next to the target and rename it, so that a reader sees the former or the new content.

    Args:
        target: the file.
        data: the new content.
        state: the state of the present file, whose mode and group stay; None if the file is new.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if state is not None:
                    with contextlib.suppress(PermissionError):  # only root can give a file to another user
                        os.fchown(descriptor, state.st_uid, state.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
                os.fsync(descriptor)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink()
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeysError(
            f"the key file {target} cannot be written: {error.strerror}. It is unchanged; check the disk and the folder."
        ) from error
