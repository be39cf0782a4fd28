"""A lock between the processes of one machine: what would race on a database in a file is done by one at a time."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from training.tracking.errors import TrackingError
from training.tracking.place import masked, sqlite_path

_held = threading.local()
"""``uris``: the addresses whose lock this thread holds. The system would let a process wait for itself."""


@contextmanager
def one_process_at_a_time(uri: str) -> Iterator[None]:
    """Run the block while no other process of this machine runs such a block for the same SQLite database.

    A process that ends, however it ends, frees the lock. Blocks inside a block of the same thread run on. For a server or another database nothing is locked: they keep
    their tables themselves.

    Args:
        uri: the database's address.

    Raises:
        TrackingError: the lock's file, beside the database, cannot be written.
    """
    path = sqlite_path(uri)
    held: set[str] = _held.__dict__.setdefault("uris", set())
    if path is None or uri in held:
        yield
        return
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    except OSError as error:
        raise TrackingError(f"MLflow at {masked(uri)} cannot be used: {lock} cannot be written: {error}.") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held.add(uri)
        try:
            yield
        finally:
            held.discard(uri)
