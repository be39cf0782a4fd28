"""One process at a time for a database in a file: two that make MLflow's tables at once break each other's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from training.exclusive import one_process_at_a_time
from training.tracking.errors import TrackingError
from training.tracking.place import masked, sqlite_path


@contextmanager
def exclusive_database(uri: str) -> Iterator[None]:
    """Run the block while no other process of this machine runs such a block for the same SQLite database.

    For a server or another database nothing is locked: they keep their tables themselves.

    Args:
        uri: the database's address.

    Raises:
        TrackingError: the lock's file, beside the database, cannot be written.
    """
    path = sqlite_path(uri)
    with ExitStack() as stack:
        if path is not None:
            lock = path.with_name(f"{path.name}.lock")
            try:
                stack.enter_context(one_process_at_a_time(lock))
            except OSError as error:
                raise TrackingError(
                    f"MLflow at {masked(uri)} cannot be used: {lock} cannot be written: {error}."
                ) from error
        yield
