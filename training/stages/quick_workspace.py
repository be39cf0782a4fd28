"""The workspace of a quick run: a temporary folder that is kept if the run ends after the fit without a stored model.

Only ``run_steps`` uses the lasting workspace: studies decided its content, and a quick run would replace it with the config's
decisions. The fit of a failed quick run is kept next to it. The next quick run continues from that fit, and so do single
stages if the lasting workspace has no fit.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tabento.errors import SaveError
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.progress import Progress
from training.stages.table import QUICK_STAGES
from training.stages.workspace import STATE_FILE, Workspace

UNFINISHED = ".unfinished"
"""The folder, in a model's lasting workspace, with the stages of a quick run that ended after its fit."""
_FIT, _END = "fit", "register"


@dataclass(frozen=True)
class QuickWorkspace:
    """A workspace, and whether it holds the fit of a failed run."""

    workspace: Workspace
    is_resumed: bool

    @property
    def forced(self) -> frozenset[str]:
        """The stages that run although they are unchanged: all stages, or the stages after the fit of a resumed run."""
        return frozenset(QUICK_STAGES[QUICK_STAGES.index(_FIT) + 1 :] if self.is_resumed else QUICK_STAGES)


@contextmanager
def quick_workspace(config: ModelConfig, settings: TrainingSettings, progress: Progress) -> Iterator[QuickWorkspace]:
    """Provide a workspace that no other run uses.

    If the block ends after the fit and before the model is stored, by an error or an interruption, the workspace is kept,
    and a message says how to continue.

    Raises:
        SaveError: the folder cannot be written.
        GateError: as raised in the block, with the commands to continue.
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
    unfinished = lasting / UNFINISHED
    with suppress(OSError):
        # The first run that renames the folder uses it. Without the folder, the run starts from the beginning.
        unfinished.rename(folder)
    try:
        yield QuickWorkspace(Workspace(folder, failed_root=lasting), is_resumed=_is_fitted(folder))
    except BaseException as error:
        if not _keep(folder, unfinished):
            raise
        advice = describe_continuation(unfinished, has_steps=not _is_fitted(lasting))
        if isinstance(error, GateError):
            raise GateError(f"{error}\n{advice}") from error
        progress.warn(advice)
        raise
    finally:
        _keep(folder, unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            lasting.rmdir()
            settings.artifacts_folder.rmdir()


def adopt_unfinished(lasting: Workspace) -> None:
    """Move the fit of a quick run into the lasting workspace, if that workspace has no fit.

    Raises:
        SaveError: another run uses the workspace, or the folder cannot be written.
    """
    unfinished = lasting.path(UNFINISHED)
    if not _is_fitted(unfinished) or lasting.folder(_FIT).exists():
        return
    with lasting.locked():
        for stage in QUICK_STAGES:
            if (unfinished / stage).is_dir():
                shutil.rmtree(lasting.folder(stage), ignore_errors=True)
                (unfinished / stage).rename(lasting.folder(stage))
        shutil.rmtree(unfinished, ignore_errors=True)


def describe_continuation(fitted: Path, *, has_steps: bool, has_command: bool = True) -> str:
    """Return a message with the folder of the fit and the commands to continue without fitting again.

    Args:
        fitted: the folder.
        has_steps: whether ``--steps`` continues from the fit.
        has_command: whether the same command continues from the fit.
    """
    ways = ["run the same command again"] if has_command else []
    ways += ["run only the remaining stages: tabento train --config YAML --steps gate,register"] if has_steps else []
    return f"The fit is kept in {fitted}. To continue without fitting again, {', or '.join(ways)}"


def _is_fitted(folder: Path) -> bool:
    return (folder / _FIT / STATE_FILE).is_file()


def _keep(folder: Path, target: Path) -> bool:
    """Keep a workspace whose fit has no stored model, and return whether it was kept."""
    if not _is_fitted(folder) or (folder / _END).is_dir():
        return False
    try:
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    except OSError:
        return False
    return True
