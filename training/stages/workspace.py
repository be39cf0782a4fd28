"""The workspace of a model: a folder with one folder for each stage, never with half of one.

A stage writes into a folder beside its own, which takes the old one's place only when the stage has succeeded. Whatever
ends a run, an error, Ctrl-C or a lost power line, the next finds what was whole before.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import GateError, SaveError

STATE_FILE = "stage.json"
"""What a stage's folder was made from, see ``training.stages.state``."""
_NEW, _OLD, _FAILED, _LOCK = ".new", ".old", ".failed", ".lock"


class Workspace:
    """The folders of a model's stages."""

    def __init__(self, root: Path, kept: Path | None = None) -> None:
        """Use a folder, which need not be there yet.

        Args:
            root: where the stages' folders are.
            kept: where the report of a model that failed its gate is left, by default ``root``.
        """
        self.root = root
        self._kept = kept if kept is not None else root

    def folder(self, stage: str) -> Path:
        """Return where a stage's outputs are, or would be."""
        return self.root / stage

    def path(self, relative: str) -> Path:
        """Return the place of a stage's file, given as ``stage/file``."""
        return self.root / relative

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out while the block runs; the lock goes with the process, however it ends.

        Raises:
            SaveError: another run holds it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / _LOCK).open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SaveError(
                    f"another run is working in {self.root}. Wait for its end, or take another folder with"
                    " --artifacts-folder."
                ) from None
            yield

    @contextmanager
    def writing(self, stage: str) -> Iterator[Path]:
        """Give a stage an empty folder; it becomes the stage's own when the block ends without an error.

        A model that fails its gate leaves its report in ``<stage>.failed``, for a look.

        Raises:
            SaveError: the folder cannot be written.
            GateError: as raised in the block, with the place of the report.
        """
        fresh, failed = self.root / f".{stage}{_NEW}", self._kept / f"{stage}{_FAILED}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._recover(stage)
            fresh.mkdir()
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield fresh
            self._replace(stage, fresh)
            _remove(failed)
        except GateError as error:
            _remove(failed)
            failed.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(fresh, failed)
            raise GateError(f"{error}\nThe whole report is in {failed}.") from error
        except BaseException as error:
            _remove(fresh)
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise

    def _replace(self, stage: str, fresh: Path) -> None:
        target, old = self.folder(stage), self.root / f".{stage}{_OLD}"
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        _remove(old)

    def _recover(self, stage: str) -> None:
        """Put right what a run left that was killed."""
        target, old = self.folder(stage), self.root / f".{stage}{_OLD}"
        if old.exists() and not target.exists():
            old.rename(target)
        _remove(old)
        _remove(self.root / f".{stage}{_NEW}")

    def _unwritable(self, error: OSError) -> SaveError:
        return SaveError(
            f"{self.root} could not be written: {error.strerror or error}. What was there before is as it was."
            " Make room, or choose another folder with --artifacts-folder."
        )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
