"""The lock of a database in a file: two processes must not create MLflow's tables at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from training.registry.file_lock import one_process_at_a_time
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.place import mask_passwords, sqlite_path


@contextmanager
def exclusive_database(uri: str) -> Iterator[None]:
    """Run the block while no other process of this computer runs a block for the same SQLite database.

    A server or another database is not locked, because it protects its own tables.

    Args:
        uri: the database's address.

    Raises:
        TrackingError: the lock's file next to the database cannot be written.
    """
    path = sqlite_path(uri)
    with ExitStack() as stack:
        if path is not None:
            lock = path.with_name(f"{path.name}.lock")
            try:
                stack.enter_context(one_process_at_a_time(lock))
            except OSError as error:
                raise TrackingError(
                    f"MLflow at {mask_passwords(uri)} cannot be used: {lock} cannot be written: {error}."
                ) from error
        yield
