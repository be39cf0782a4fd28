"""Errors as text of a table: one line of limited length, and the line of this repository that raised.

Imports the standard library only, because contestants of the league run in environments of their own.
"""

from __future__ import annotations

import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY_FOLDERS = ("tabento", "training")
"""The folders whose lines an error's place prefers."""


def shorten(text: str, limit: int) -> str:
    """Return a text in one line of at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def raising_line(error: BaseException) -> str:
    """Return file and line of the innermost frame of the library; of the innermost frame if no frame is the library's."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    folders = [str(ROOT / folder) + "/" for folder in LIBRARY_FOLDERS]
    library = [frame for frame in frames if frame.filename.startswith(tuple(folders))]
    frame = (library or list(frames))[-1]
    name = str(Path(frame.filename).relative_to(ROOT)) if library else "/".join(frame.filename.split("/")[-3:])
    return f"{name}:{frame.lineno}"
