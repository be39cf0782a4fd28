"""Folders: whether a run can write its files, and whether the disks have enough free space."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

MIB = 2**20
ROOM_MIB = 200
"""The free space that each disk needs: a shipped model has up to 25 MiB in the store, its record and the stages have the
same each, and the libraries' temporary files take the rest."""
DATA_COPIES = 3
"""The largest number of copies of a data file: the original, and its training and test part with types."""


def write_problem(folder: Path, content: str, remedy: str) -> str | None:
    """Return the reason why a folder cannot be written, also if it must be created; None if it can be written.

    A temporary file is created and deleted: permissions alone do not show that a file system is read-only or full.

    Args:
        folder: the folder, which might not exist yet.
        content: the content of the folder, for the message.
        remedy: the remedy as a sentence without its full stop.
    """
    existing = folder.expanduser().absolute()
    try:
        while not os.path.lexists(existing):
            existing = existing.parent
        if not existing.is_dir():
            reason = f"{existing} is not a folder"
        else:
            with tempfile.TemporaryFile(dir=existing, prefix=".tabento-"):
                return None
    except OSError as error:
        reason = f"{existing}: {error.strerror or error}"
    return f"{content} cannot be written to {folder} ({reason}). {remedy}."


def room_problems(folders: Iterable[Path], data_bytes: int = 0) -> list[str]:
    """Return the disks with too little free space, one line each.

    Args:
        folders: the folders that the run writes; they might not exist yet.
        data_bytes: the size of the data, if it is known.
    """
    needed = ROOM_MIB + DATA_COPIES * data_bytes // MIB
    disks: dict[int, tuple[Path, int]] = {}
    for folder in folders:
        existing = folder.expanduser().absolute()
        try:
            while not existing.exists():
                existing = existing.parent
            usage = shutil.disk_usage(existing)
            if usage.total:  # 0 for /proc and similar, which are not disks
                disks.setdefault(existing.stat().st_dev, (folder, usage.free // MIB))
        except OSError:
            continue  # the check of writing reports it
    return [
        f"The disk of {folder} has {free:,} MiB free, and a run takes up to {needed:,} MiB. Make room, or choose folders on"
        " another disk (--artifacts-folder, --runs-folder, BENTOML_HOME)."
        for folder, free in disks.values()
        if free < needed
    ]
