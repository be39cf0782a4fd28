"""Small files and columns for the tests of ``tabento init``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.commands.init.profile import ColumnProfile, profile_column
from training.commands.init.source import InitRequest
from training.progress import silence

QUIET = silence()


def column(cells: Sequence[str], name: str = "c", *, scale: float = 1.0) -> ColumnProfile:
    """The profile of some cells."""
    return profile_column(pd.Series(list(cells), name=name, dtype="str"), scale=scale)


def request_for(data: Path, target: str = "y", *, name: str = "model", force: bool = False) -> InitRequest:
    """A request whose config and converted copy lie beside the data."""
    return InitRequest(data, target, name, data.parent / "configs" / f"{name}.yaml", data.parent / "data", force=force)


def sixty_rows(path: Path, *, header: str = "a,b,y", separator: str = ",") -> Path:
    """A table of sixty rows that can be trained on: two features and a target of two classes."""
    lines = [
        header,
        *(separator.join([str(n % 7), "red" if n % 3 else "blue", "yes" if n % 4 == 0 else "no"]) for n in range(60)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
