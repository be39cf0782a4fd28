"""The files that the tool reads: tracked and new files of the checkout, and the modules of installed packages."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.plain_english.prose import COMMENTED, COMMENTED_NAMES, DOCUMENTS

ROOT = Path(__file__).parents[2]
OWN_FOLDERS = (Path("tools/plain_english"), Path("tests/tools/plain_english"))
"""These quote the refused phrases, so their sentences are not checked; their names are."""


def tracked_files(paths: Sequence[str] = (), root: Path = ROOT) -> list[Path]:
    """Return the readable files of a checkout, relative to its root and sorted.

    Args:
        paths: files and folders, relative to the root; none means all.
        root: the checkout.

    Raises:
        ValueError: a path names no file of the checkout.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    listing = subprocess.run([*command, *paths], check=True, capture_output=True, text=True)
    files = sorted({Path(name) for name in listing.stdout.split("\0") if name})
    for path in paths:
        folder = Path(path)
        if folder != Path() and not any(folder in (file, *file.parents) for file in files):
            raise ValueError(
                f"Expected a file or folder that git tracks, got {path!r}: nothing in {root} has this path."
            )
    return [file for file in files if _is_readable(file) and (root / file).is_file()]


def package_files(name: str, search_path: Sequence[str]) -> list[Path]:
    """Return the Python files of an installed package, as absolute paths, sorted.

    Raises:
        ValueError: none of the folders of the search path holds the package.
    """
    for entry in search_path:
        folder = Path(entry or ".") / name
        if (folder / "__init__.py").is_file():
            return sorted(folder.rglob("*.py"))
    raise ValueError(f"Expected an installed package, got {name!r}: it is not installed in this environment.")


def quotes_phrases(file: Path) -> bool:
    """Return whether a file, relative to the root, belongs to the lint and its tests."""
    return any(folder in file.parents for folder in OWN_FOLDERS)


def _is_readable(file: Path) -> bool:
    return file.suffix == ".py" or file.suffix in DOCUMENTS + COMMENTED or file.name in COMMENTED_NAMES
