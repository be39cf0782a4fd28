"""The workspace of a model: a folder with one folder for each stage, never with half of one.

A stage writes into a temporary folder, which replaces the stage's folder only when the stage has succeeded. If a run ends by
an error, Ctrl-C or a loss of power, the next run finds the previous complete output.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tabento.errors import SaveError
from training.errors import GateError

STATE_FILE = "stage.json"
"""The file with the state of a stage's folder, see ``training.stages.state``."""
_NEW, _OLD, _FAILED, _LOCK = ".new", ".old", ".failed", ".lock"


class Workspace:
    """The folders of a model's stages."""

    def __init__(self, root: Path, failed_root: Path | None = None) -> None:
        """Use a folder, which need not exist yet.

        Args:
            root: the folder of the stages' folders.
            failed_root: the folder of the report of a model that failed its gate, by default ``root``.
        """
        self.root = root
        self._failed_root = failed_root if failed_root is not None else root

    def folder(self, stage: str) -> Path:
        """Return the folder of a stage's outputs."""
        return self.root / stage

    def path(self, relative: str) -> Path:
        """Return the path of a stage's file, given as ``stage/file``."""
        return self.root / relative

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the workspace against other runs while the block runs. The end of the process frees the lock.

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
                    f"another run uses {self.root}. Wait for its end, or choose another folder with --artifacts-folder."
                ) from None
            yield

    @contextmanager
    def writing(self, stage: str) -> Iterator[Path]:
        """Provide an empty folder for a stage. It becomes the stage's folder when the block ends without an error.

        The report of a model that fails its gate is in ``<stage>.failed``.

        Raises:
            SaveError: the folder cannot be written.
            GateError: as raised in the block, with the path of the report.
        """
        fresh, failed = self.root / f".{stage}{_NEW}", self._failed_root / f"{stage}{_FAILED}"
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
        """Restore the folders after a run that was killed."""
        target, old = self.folder(stage), self.root / f".{stage}{_OLD}"
        if old.exists() and not target.exists():
            old.rename(target)
        _remove(old)
        _remove(self.root / f".{stage}{_NEW}")

    def _unwritable(self, error: OSError) -> SaveError:
        return SaveError(
            f"{self.root} could not be written: {error.strerror or error}. The previous files are unchanged."
            " Free disk space, or choose another folder with --artifacts-folder."
        )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
