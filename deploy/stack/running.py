"""The running stack: starts each part when the parts before it are ready, watches all, and ends them in the reverse order."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.compose.alertmanager import write_alertmanager
from deploy.compose.secret_values import prepare_secrets
from deploy.errors import StackError
from deploy.stack.parts import StackPlan, start_groups, write_configuration
from deploy.stack.postgres_data import make_data_folder, make_databases
from deploy.stack.process import RunningPart

POLL_S = 0.05
WATCH_S = 0.5


class RunningStack:
    """The started parts.

    Args:
        plan: the choices of the stack.
        is_interrupted: an event that another thread or a signal handler sets to end the stack.
        report: prints a line.
    """

    def __init__(self, plan: StackPlan, is_interrupted: threading.Event, report: Callable[[str], None]) -> None:
        self.plan = plan
        self._groups: list[list[RunningPart]] = []
        self.is_interrupted = is_interrupted
        self._report = report

    @property
    def parts(self) -> list[RunningPart]:
        """The started parts, in the order of their start."""
        return [running for group in self._groups for running in group]

    def start(self) -> None:
        """Start all parts; return early if the stack is interrupted.

        Raises:
            StackError: a part does not become ready; the started parts still run.
        """
        for group in start_groups(self.plan):
            started: list[RunningPart] = []
            self._groups.append(started)
            for part in group:
                started.append(RunningPart(part, self.plan.folder / "logs" / f"{part.name}.log"))  # noqa: PERF401 - an error of one must not lose the others
            waiting = [*started]
            while waiting and not self.is_interrupted.is_set():
                waiting = [running for running in waiting if not self._is_ready(running)]
                if waiting:
                    self.is_interrupted.wait(POLL_S)
            if self.is_interrupted.is_set():
                return

    def _is_ready(self, running: RunningPart) -> bool:
        """Return whether a part is ready, and report it the first time."""
        seconds = running.check_ready()
        if seconds is None:
            return False
        name = running.part.name
        if name == "postgres":
            make_databases(self.plan.folder, self.plan.programs, self.plan.ports["postgres"])
        self._report(f"{name:<13} ready after {seconds:5.1f} s, process {running.pid}, log {running.log_path}")
        return True

    def watch(self) -> None:
        """Return when the stack is interrupted.

        Raises:
            StackError: a part has ended by itself.
        """
        while not self.is_interrupted.wait(WATCH_S):
            for part in self.parts:
                part.check_running()

    def stop(self) -> None:
        """End all parts, the last started group first."""
        for group in reversed(self._groups):
            start_s = time.monotonic()
            for running in group:
                running.request_stop()
            for running in group:
                running.stop()
                elapsed_s = time.monotonic() - start_s
                self._report(f"{running.part.name:<13} ended with status {running.status} after {elapsed_s:.1f} s")


def prepare(plan: StackPlan, receiver_url: str) -> None:
    """Write secrets, configuration and the data folder of Postgres.

    Args:
        plan: the choices of the stack.
        receiver_url: the webhook to which Alertmanager sends alerts.

    Raises:
        StackError: a file cannot be written, or `initdb` failed.
    """
    plan.folder.chmod(0o711)  # the user of Postgres passes through it
    prepare_secrets(plan.folder, plan.address("redis"), plan.address("postgres"))
    write_alertmanager(plan.folder, receiver_url)
    write_configuration(plan)
    make_data_folder(plan.folder, plan.programs)


@contextmanager
def running_stack(
    plan: StackPlan, receiver_url: str, is_interrupted: threading.Event, report: Callable[[str], None]
) -> Iterator[RunningStack]:
    """Prepare and start a stack, and end all its parts when the block ends.

    Raises:
        StackError: it cannot be prepared, or a part does not become ready.
    """
    with _hold_folder(plan.folder):
        prepare(plan, receiver_url)
        stack = RunningStack(plan, is_interrupted, report)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@contextmanager
def _hold_folder(folder: Path) -> Iterator[None]:
    """Keep other stacks out of a folder while the block runs; the lock ends with this process in any case.

    Raises:
        StackError: another stack has the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("ab")
    except OSError as error:
        raise StackError(f"{folder} cannot be written: {error.strerror}. Choose another one: --folder PATH.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"another stack runs in {folder}. End it, or choose another folder: --folder PATH."
            ) from error
        yield
