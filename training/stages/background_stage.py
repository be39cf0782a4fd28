"""Background stages: a stage without dependents runs in a separate process while the next stage runs.

Only the stage ``study`` is such a stage: it decides nothing, and ``features`` does not read its files. The runner waits for
its end before any stage that measures time, because another process would disturb the measurement.

The output of the other process is printed after its end, so that the output of two stages never mixes.
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

from tabento.errors import TabentoError
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.progress import Progress
from training.stages.context import Context
from training.stages.outcome import Outcome
from training.stages.steps import Plan
from training.stages.workspace import Workspace

PARALLEL_STAGES: dict[str, str] = {"study": "features"}
"""The stages that can run in parallel with the next stage, by name, with that stage."""


class BufferedProgress(Progress):
    """A progress that stores its lines, to be printed later."""

    def __init__(self, elapsed_s: float) -> None:
        """Store lines whose times start at ``elapsed_s`` seconds."""
        super().__init__(io.StringIO(), io.StringIO(), heartbeat_s=3600, elapsed_s=elapsed_s)
        self.messages: list[tuple[str, str]] = []

    def say(self, text: str) -> None:
        """Store a text."""
        self.messages.append(("say", text))

    def warn(self, text: str) -> None:
        """Store a warning."""
        self.messages.append(("warn", text))

    def _line(self, text: str) -> None:
        self.say(f"{self.elapsed_s:7.1f} s  {text}")


@dataclass(frozen=True)
class Result:
    """The result of a stage in another process."""

    outcome: Outcome | None
    error: str
    """The message of its error; empty if it succeeded."""
    messages: list[tuple[str, str]]
    """Its output: ``say`` or ``warn``, and the text."""


class BackgroundStage:
    """A stage that runs in another process and writes into a separate folder."""

    def __init__(self, context: Context, name: str, head: str, pool: ProcessPoolExecutor) -> None:
        """Start the stage; ``head`` is its name in the output."""
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
        """Wait for the stage's end, print its output and move its files to ``folder``.

        Raises:
            TabentoError: the stage failed; the message is the message of its error.
        """
        result = self._future.result()
        for kind, text in result.messages:
            (context.progress.warn if kind == "warn" else context.progress.say)(text)
        if result.outcome is None:
            raise TabentoError(result.error)
        for path in self._folder.iterdir():
            shutil.move(path, folder / path.name)
        return result.outcome

    def remove_folder(self) -> None:
        """Remove the folder of the process."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def one_process() -> Iterator[ProcessPoolExecutor]:
    """Provide a pool of one process. The process starts at the first use and ends with the block."""
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
    progress = BufferedProgress(elapsed_s)
    try:
        context = Context(config, settings, progress, Workspace(root), plan)
        return Result(import_module(f"training.stages.{name}").run(context, folder), "", progress.messages)
    except TabentoError as error:
        return Result(None, str(error), progress.messages)
    except Exception as error:  # every error must reach the other process, and some errors cannot be pickled
        return Result(None, f"the stage {name} failed: {type(error).__name__}: {error}", progress.messages)
