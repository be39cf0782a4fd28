"""A lock between the processes of one computer, for work that only one process may do at a time."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tabento.bundle.store import store_folder

_thread_locks = threading.local()
"""``paths``: the locks that this thread holds. Without it, a thread would wait for its own lock."""


@contextmanager
def one_process_at_a_time(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Run the block while no other process of this computer runs a block under the same lock.

    The end of a process frees the lock. A nested block of the same thread does not wait.

    Args:
        lock: the file of the lock. It is created and not deleted.
        waiting: called before waiting, if another process has the lock.

    Raises:
        OSError: the file cannot be written.
    """
    held_locks: set[Path] = _thread_locks.__dict__.setdefault("paths", set())
    if lock in held_locks:
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        held_locks.add(lock)
        try:
            yield
        finally:
            held_locks.discard(lock)


def store_lock(purpose: str) -> Path:
    """Return the file of a lock next to the model store; ``purpose`` is part of its name."""
    return store_folder().parent / f"tabento-{purpose}.lock"
