"""Folders: whether a run may write where it will have to, and whether there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

MIB = 2**20
ROOM_MIB = 200
"""What has to be free in every place: a shipped model takes up to 25 MiB in the store, its record and the stages as
much each, and the libraries' temporary files the rest."""
DATA_COPIES = 3
"""How often a file of data is kept at most: as it came, and its training and test part typed."""


def write_problem(folder: Path, what: str, remedy: str) -> str | None:
    """Say why a folder, or one that would have to be made, cannot be written; None if it can.

    It is tried: permissions alone do not show a file system that is read-only or full. Nothing remains of the attempt.

    Args:
        folder: the folder, which need not be there yet.
        what: what is kept in it, for the message.
        remedy: what to do, as a sentence without its full stop.
    """
    place = folder.expanduser().absolute()
    try:
        while not os.path.lexists(place):
            place = place.parent
        if not place.is_dir():
            reason = f"{place} is not a folder"
        else:
            with tempfile.TemporaryFile(dir=place, prefix=".tabento-"):
                return None
    except OSError as error:
        reason = f"{place}: {error.strerror or error}"
    return f"{what} cannot be written to {folder} ({reason}). {remedy}."


def room_problems(folders: Iterable[Path], data_bytes: int = 0) -> list[str]:
    """Say which disks have too little room, a line for each disk.

    Args:
        folders: where the run writes; they need not be there yet.
        data_bytes: the size of the data, if it is known.
    """
    needed = ROOM_MIB + DATA_COPIES * data_bytes // MIB
    disks: dict[int, tuple[Path, int]] = {}
    for folder in folders:
        place = folder.expanduser().absolute()
        try:
            while not place.exists():
                place = place.parent
            usage = shutil.disk_usage(place)
            if usage.total:  # such as /proc, which is no disk
                disks.setdefault(place.stat().st_dev, (folder, usage.free // MIB))
        except OSError:
            continue  # the check of writing tells it
    return [
        f"The disk of {folder} has {free:,} MiB free, and a run takes up to {needed:,} MiB. Make room, or choose folders on"
        " another disk (--artifacts-folder, --runs-folder, BENTOML_HOME)."
        for folder, free in disks.values()
        if free < needed
    ]
