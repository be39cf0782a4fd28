"""The former place of the registry: ``mlflow.db`` in the runs folder. It moves to the registry folder once.

Users delete the runs folder, because its reports can be written again. The registry cannot be written again. The move copies
the database and then renames the copy: if the move is interrupted, the former database is complete, and the next command
continues the move.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.config.settings import TrainingSettings
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.place import ARTIFACTS_FOLDER, DATABASE_FILE, RETRY

MOVED_FILE = f"{DATABASE_FILE}.moved"
"""The name of the former database after the move."""
_LOCK, _PART = ".move.lock", f".{DATABASE_FILE}.part"
_IDENTITIES = (("runs", "run_uuid"), ("registered_models", "name"), ("model_versions", "name, version"))
_COUNTED = ("runs", "registered_models", "model_versions")


@dataclass(frozen=True)
class Move:
    """The result of the search at the former place."""

    source: Path
    """The former database; after a move its name is ``mlflow.db.moved``."""
    target: Path
    """The current database."""
    runs: int
    models: int
    versions: int
    is_moved: bool
    """False if both places have a database with records. Then nothing was changed."""

    @property
    def in_words(self) -> str:
        """A message about the move, or about the decision that the user must make."""
        counts = f"{self.models} models, {self.versions} versions, {self.runs} runs"
        if self.is_moved:
            return (
                f"The registry moved from {self.source} to {self.target} ({counts}), so that deleting reports never deletes"
                f" it. The former file is kept as {self.source.with_name(MOVED_FILE).name}."
            )
        return (
            f"{self.source} holds records ({counts}) that are not used, because the registry is {self.target}. To use them"
            f" instead, give --tracking-uri sqlite:///{self.source.resolve().as_posix()}; to end this message, rename"
            f" {self.source}."
        )


def move_former_registry(settings: TrainingSettings) -> Move | None:
    """Move a registry from the runs folder to the registry folder, with its history and files, if it is still there.

    Args:
        settings: the folders; nothing is done if ``tracking_uri`` names another place.

    Returns:
        The move, or the two databases; None if there is nothing to report.

    Raises:
        TrackingError: the registry could not be moved; the former database is unchanged.
    """
    source, target = settings.runs_folder / DATABASE_FILE, settings.registry_folder / DATABASE_FILE
    if settings.tracking_uri is not None or not source.is_file():
        return None
    if source.resolve() == target.resolve():
        return None
    try:
        with _lock(settings.registry_folder):
            if not source.is_file():
                return None  # another process has moved it meanwhile
            return _move(source, target)
    except (OSError, sqlite3.Error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TrackingError(
            f"the registry could not move from {source} to {target}: {reason}. Nothing was changed. End the programs that use"
            f" {source}, check that {target.parent} can be written and has space, and run the command again; or"
            f" keep the registry there with --tracking-uri sqlite:///{source.resolve().as_posix()}."
        ) from error


def _move(source: Path, target: Path) -> Move | None:
    with contextlib.closing(sqlite3.connect(source, timeout=RETRY.timeout_s)) as former:
        # Writers wait until the file has its new name; readers continue.
        former.execute("BEGIN IMMEDIATE")
        runs, models, versions = (_count(former, table) for table in _COUNTED)
        if target.exists():
            if _holds_all(former, target):
                # A move that ended between its last two steps, or whose former file could not be renamed.
                _rename_former(source)
                return None
            return Move(source, target, runs, models, versions, is_moved=False)
        _link_files(source.parent / ARTIFACTS_FOLDER, target.parent / ARTIFACTS_FOLDER)
        part = target.with_name(_PART)
        part.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(source, timeout=RETRY.timeout_s)) as reader,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            reader.backup(copy)
            _readdress(
                copy,
                *((folder.resolve() / ARTIFACTS_FOLDER).as_uri() for folder in (source.parent, target.parent)),
            )
            copy.commit()
            _require_equal(former, copy)
        part.replace(target)
        _rename_former(source)
    return Move(source, target, runs, models, versions, is_moved=True)


def _rename_former(source: Path) -> None:
    """Rename the former database. If the rename is not allowed, the file stays, and no command uses it."""
    with contextlib.suppress(OSError):
        source.rename(source.with_name(MOVED_FILE))


def _holds_all(former: sqlite3.Connection, target: Path) -> bool:
    """Return whether a database has every run and every version of another database."""
    with contextlib.closing(sqlite3.connect(target, timeout=RETRY.timeout_s)) as today:
        return all(_keys(former, *key) <= _keys(today, *key) for key in _IDENTITIES)


def _keys(database: sqlite3.Connection, table: str, columns: str) -> set[tuple[object, ...]]:
    """Return the keys of the rows of a table; empty if the table does not exist."""
    if table not in _tables(database):
        return set()
    return set(database.execute(f'SELECT {columns} FROM "{table}"').fetchall())  # noqa: S608 - names of its own tables


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows]


def _count(database: sqlite3.Connection, table: str) -> int:
    """Return the number of rows of a table; 0 if the table does not exist."""
    if table not in _tables(database):
        return 0
    return int(database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - names of its own tables


def _readdress(database: sqlite3.Connection, before: str, after: str) -> None:
    """Replace the folder in every address of a file, in every table and column."""
    for table in _tables(database):
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
            if not any(word in kind.upper() for word in ("CHAR", "TEXT")):
                continue
            name = f'"{column}"'
            database.execute(
                f'UPDATE "{table}" SET {name} = ? || substr({name}, ?)'  # noqa: S608 - names of its own tables
                f" WHERE {name} = ? OR substr({name}, 1, ?) = ?",
                (after, len(before) + 1, before, len(before) + 1, f"{before}/"),
            )


def _require_equal(former: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Raise an error if a copy is not complete.

    Raises:
        sqlite3.DatabaseError: a table has another number of rows, or the copy is damaged.
    """
    for table in _tables(former):
        before, after = _count(former, table), _count(copy, table)
        if before != after:
            raise sqlite3.DatabaseError(f"the copy of the table {table} has {after} rows, expected {before}")
    (state,) = copy.execute("PRAGMA quick_check").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged: {state}")


def _link_files(source: Path, target: Path) -> None:
    """Link the files of one folder into another, or copy them if the other folder is on another disk."""
    if not source.is_dir():
        return

    def link(file: str, place: str) -> str:
        if not Path(place).exists():
            try:
                os.link(file, place)
            except OSError:
                shutil.copy2(file, place)
        return place

    shutil.copytree(source, target, copy_function=link, symlinks=True, dirs_exist_ok=True)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock the move of the registry against other processes. The end of the process frees the lock."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
