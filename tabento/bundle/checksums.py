"""Checksums of files and of source code, sha256 in hexadecimal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the checksum of a file's content.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_sha256(files: Mapping[str, Path]) -> str:
    """Return one checksum over the names and contents of files, in the order of the mapping.

    Args:
        files: the path of each file by the name under which it is counted.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def code_sha256(root: Path, paths: Iterable[str], pattern: str = "*") -> str:
    """Return one checksum over the names and contents of source files. It does not depend on the location of ``root``.

    Args:
        root: the folder that the paths start from.
        paths: files and folders, relative to ``root``, in any order. All files inside a folder are included, except
            bytecode. A path that does not exist is treated as empty.
        pattern: of a folder, only files whose names match are included: ``*.py`` leaves out templates.

    Raises:
        OSError: a file cannot be read.
    """
    files: dict[str, Path] = {}
    for name in sorted(paths):
        path = root / name
        for file in sorted(path.rglob(pattern)) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                files[file.relative_to(root).as_posix()] = file
    return files_sha256(files)
