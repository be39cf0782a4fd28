"""The state of the polls in a file of the rollout folder, which all workers of a replica share.

It has the aliases that were merged last, so that a restart does not undo a rollback, and the fault of the last poll.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollout.document import ModelName, Time
from rollout.files import open_lock, read_file, replace_file
from rollout.registry.aliases import Aliases

STATE_FILE = "registry.json"


class RegistryState(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    address: str = ""
    """The server, without user and password; the aliases of another server are seen for the first time."""
    polled: Time | None = None
    """The time of the last poll."""
    answered: Time | None = None
    """The time of the last poll that the registry answered."""
    fault: str | None = None
    """The reason why the last poll failed; None if it succeeded."""
    faults: dict[ModelName, str] = Field(default_factory=dict)
    """The reasons why the aliases of some models are not used, by model."""
    seen: Annotated[dict[ModelName, Aliases], Field(max_length=100_000)] = Field(default_factory=dict)
    """The aliases that were merged last, by model."""

    def seconds_since_poll(self, now: datetime) -> float | None:
        """Return the seconds since the last poll; None if there was none, or the clock was set back."""
        if self.polled is None:
            return None
        seconds = (now - datetime.fromisoformat(self.polled)).total_seconds()
        return seconds if seconds >= 0 else None


def read_state(path: Path) -> RegistryState:
    """Return the state; a missing or damaged file is a state without polls.

    Raises:
        FileReadError: the file cannot be read.
    """
    content = read_file(path)
    try:
        return RegistryState() if content is None else RegistryState.model_validate_json(content[0])
    except ValidationError:
        return RegistryState(fault=f"{path} is damaged and is written again")


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock of the file while the block runs, and yield True; yield False if another worker holds it.

    Raises:
        DocumentWriteError: the folder cannot be written.
    """
    import fcntl

    descriptor = open_lock(path, "The registry's aliases need a rollout folder that the service can write.")
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def write_state(path: Path, state: RegistryState) -> None:
    """Replace the file.

    Raises:
        DocumentWriteError: it cannot be written.
    """
    replace_file(path, state.model_dump_json(indent=2).encode() + b"\n")
