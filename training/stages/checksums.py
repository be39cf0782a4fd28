"""Checksums of files and of source code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import training

ROOT = Path(training.__file__).parents[1]
"""Where the packages are: the top of a checkout, or where they were installed."""
_CHUNK_BYTES = 1 << 20


def file_sha256(path: Path) -> str:
    """Return the checksum of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@cache
def code_sha256(paths: tuple[str, ...]) -> str:
    """Return a checksum over source files, given with folders as paths from ``ROOT``.

    All files of a folder count, templates as well, but not what Python compiles. A path that is not there counts as
    empty.
    """
    digest = hashlib.sha256()
    for name in sorted(paths):
        place = ROOT / name
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT).as_posix()}\0{file_sha256(file)}\n".encode())
    return digest.hexdigest()
