"""A lock between the processes of one machine: what would race is done by one at a time."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.store import store_folder

_held = threading.local()
"""``paths``: the locks that this thread holds. The system would let a process wait for itself."""


@contextmanager
def one_process_at_a_time(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Run the block while no other process of this machine runs such a block for the same lock.

    A process that ends, however it ends, frees the lock. Blocks inside a block of the same thread run on.

    Args:
        lock: a file that is made for the lock, and stays.
        waiting: called if another process has the lock, before it is waited for.

    Raises:
        OSError: the file cannot be written.
    """
    held: set[Path] = _held.__dict__.setdefault("paths", set())
    if lock in held:
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        held.add(lock)
        try:
            yield
        finally:
            held.discard(lock)


def store_lock(purpose: str) -> Path:
    """Return the file of a lock about the model store, beside it; ``purpose`` is part of its name."""
    return store_folder().parent / f"tabento-{purpose}.lock"
