"""Stages side by side: a stage that no other waits for runs in a process of its own while the next one runs.

Only the stage ``study`` is such: it decides nothing, and ``features`` needs nothing of it. It is awaited before any stage
that measures time, because another process would disturb the measurement. All other stages need what the one before
decided or made.

What the other process tells is shown when it has ended, so that the output of two stages never mixes.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from training.config import ModelConfig
from training.errors import TrainingError
from training.progress import Progress
from training.settings import TrainingSettings
from training.stages.context import Context
from training.stages.outcome import Outcome
from training.stages.steps import Plan
from training.stages.workspace import Workspace

BESIDE: dict[str, str] = {"study": "features"}
"""The stages that may run side by side with another, and which."""


class KeptProgress(Progress):
    """A progress that keeps what it is told, to be shown later."""

    def __init__(self, elapsed_s: float) -> None:
        """Keep lines whose times go on from ``elapsed_s`` seconds."""
        super().__init__(io.StringIO(), io.StringIO(), heartbeat_s=3600, elapsed_s=elapsed_s)
        self.kept: list[tuple[str, str]] = []

    def say(self, text: str) -> None:
        """Keep text."""
        self.kept.append(("say", text))

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.kept.append(("warn", text))

    def _line(self, text: str) -> None:
        self.say(f"{self.elapsed_s:7.1f} s  {text}")


@dataclass(frozen=True)
class Result:
    """What a stage in another process has come to."""

    outcome: Outcome | None
    error: str
    """Why it failed; empty if it did not."""
    kept: list[tuple[str, str]]
    """What it told: ``say`` or ``warn``, and the text."""


class BesideStage:
    """A stage that runs in another process and writes into a folder of its own."""

    def __init__(self, context: Context, name: str, head: str, pool: ProcessPoolExecutor) -> None:
        """Begin the stage; ``head`` is what it is called in the output."""
        self.name, self.head = name, head
        self._folder = context.workspace.root.absolute() / f".{name}.beside"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._future: Future[Result] = pool.submit(
            _compute,
            name,
            context.config,
            context.settings,
            context.workspace.root.absolute(),
            context.plan,
            self._folder,
            context.progress.elapsed_s,
        )

    def collect(self, context: Context, folder: Path) -> Outcome:
        """Wait for the stage's end, show what it told and move its files to ``folder``.

        Raises:
            TrainingError: with the message of the error with which the stage failed.
        """
        result = self._future.result()
        for kind, text in result.kept:
            (context.progress.warn if kind == "warn" else context.progress.say)(text)
        if result.outcome is None:
            raise TrainingError(result.error)
        for path in self._folder.iterdir():
            shutil.move(path, folder / path.name)
        return result.outcome

    def clear(self) -> None:
        """Remove the folder of the process."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def one_process() -> Iterator[ProcessPoolExecutor]:
    """Give a pool of one process, which starts when it is first used and ends with the block."""
    # Spawned: a fork would copy the locks of the libraries' threads.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def _compute(
    name: str,
    config: ModelConfig,
    settings: TrainingSettings,
    root: Path,
    plan: Plan,
    folder: Path,
    elapsed_s: float,
) -> Result:
    """Run a stage in this process."""
    progress = KeptProgress(elapsed_s)
    try:
        context = Context(config, settings, progress, Workspace(root), plan)
        return Result(import_module(f"training.stages.{name}").run(context, folder), "", progress.kept)
    except TrainingError as error:
        return Result(None, str(error), progress.kept)
    except Exception as error:  # an error of any library has to reach the other process, and not all can be pickled
        return Result(None, f"the stage {name} failed: {type(error).__name__}: {error}", progress.kept)
