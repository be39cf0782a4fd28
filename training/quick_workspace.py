"""The workspace of a quick run: its own while it runs, and kept if the run ends after the fit without a stored model.

The lasting workspace is left to ``run_steps``: what it holds was decided by studies, and a quick run would put the
config's decisions in its place. What a failed quick run has fitted is kept beside it; the next quick run starts from there,
and so do single stages if the lasting workspace has no fit of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from training.config import ModelConfig
from training.errors import GateError, SaveError
from training.progress import Progress
from training.settings import TrainingSettings
from training.stages.table import QUICK
from training.stages.workspace import STATE_FILE, Workspace

UNFINISHED = ".unfinished"
"""The folder, in a model's lasting workspace, with the stages of a quick run that ended after its fit."""
_FIT, _END = "fit", "register"


@dataclass(frozen=True)
class QuickWorkspace:
    """A workspace, and whether it holds the fit of a run that ended before its end."""

    workspace: Workspace
    is_resumed: bool

    @property
    def forced(self) -> frozenset[str]:
        """The stages that run although they are unchanged: all of them, or all behind the fit of a resumed run."""
        return frozenset(QUICK[QUICK.index(_FIT) + 1 :] if self.is_resumed else QUICK)


@contextmanager
def quick_workspace(config: ModelConfig, settings: TrainingSettings, progress: Progress) -> Iterator[QuickWorkspace]:
    """Give a run a workspace that nobody else uses.

    If the block ends after the fit and before the model is stored, by an error or an interruption, the workspace is kept
    and the person is told how to go on.

    Raises:
        SaveError: the folder cannot be written.
        GateError: as raised in the block, with how to go on.
    """
    lasting = settings.artifacts_folder / config.name
    try:
        lasting.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".run-", dir=lasting))
    except OSError as error:
        raise SaveError(
            f"{lasting} could not be written: {error.strerror or error}. Nothing was saved. Choose another folder with"
            " --artifacts-folder."
        ) from error
    kept = lasting / UNFINISHED
    with suppress(OSError):
        # Whoever renames the folder first owns it; without one, the run starts from nothing.
        kept.rename(folder)
    try:
        yield QuickWorkspace(Workspace(folder, kept=lasting), is_resumed=_is_fitted(folder))
    except BaseException as error:
        if not _keep(folder, kept):
            raise
        advice = how_to_go_on(kept, has_steps=not _is_fitted(lasting))
        if isinstance(error, GateError):
            raise GateError(f"{error}\n{advice}") from error
        progress.warn(advice)
        raise
    finally:
        _keep(folder, kept)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            lasting.rmdir()
            settings.artifacts_folder.rmdir()


def adopt_unfinished(lasting: Workspace) -> None:
    """Move what a quick run has fitted into the lasting workspace, if that has no fit of its own.

    Raises:
        SaveError: another run works there, or the folder cannot be written.
    """
    unfinished = lasting.path(UNFINISHED)
    if not _is_fitted(unfinished) or lasting.folder(_FIT).exists():
        return
    with lasting.locked():
        for stage in QUICK:
            if (unfinished / stage).is_dir():
                shutil.rmtree(lasting.folder(stage), ignore_errors=True)
                (unfinished / stage).rename(lasting.folder(stage))
        shutil.rmtree(unfinished, ignore_errors=True)


def how_to_go_on(fitted: Path, *, has_steps: bool, has_command: bool = True) -> str:
    """Say where the fit of a run is kept, and how to go on without fitting again.

    Args:
        fitted: the folder.
        has_steps: whether ``--steps`` goes on from it.
        has_command: whether the same command goes on from it.
    """
    ways = ["run the same command again"] if has_command else []
    ways += ["run only what is left: tabento train --config YAML --steps gate,register"] if has_steps else []
    return f"What was fitted is kept in {fitted}. To go on without fitting again, {', or '.join(ways)}"


def _is_fitted(folder: Path) -> bool:
    return (folder / _FIT / STATE_FILE).is_file()


def _keep(folder: Path, kept: Path) -> bool:
    """Keep a workspace that has a fit whose model was not stored; say whether it was kept."""
    if not _is_fitted(folder) or (folder / _END).is_dir():
        return False
    try:
        if kept.exists():
            shutil.rmtree(kept)
        folder.rename(kept)
    except OSError:
        return False
    return True
