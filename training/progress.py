"""Progress: the messages of a training run on the terminal; no other module of training prints.

Steps with their times go to one stream, warnings to stderr. On a terminal a running step shows a spinner. Otherwise (a
pipe, a CI log) it prints a line every few seconds, so that a user sees that the run continues.
"""

from __future__ import annotations

import os
import sys
import textwrap
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TextIO

HEARTBEAT_S = 30.0
"""The time between two lines of a running step if there is no spinner; a log of a long run stays readable."""
BOX_WIDTH = 88
"""The width of an announcement in characters."""


@dataclass
class Step:
    """A running step."""

    title: str
    detail: str = ""
    """The result of the step; printed after its title at its end."""


class Progress:
    """The output of a run for its user."""

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        elapsed_s: float = 0.0,
    ) -> None:
        """Print steps and tables on ``out`` (default stdout) and warnings on ``err`` (default stderr).

        The progress of a run that another process began starts its clock at ``elapsed_s`` seconds.
        """
        self._out = out if out is not None else sys.stdout
        self._err = err if err is not None else sys.stderr
        self._heartbeat_s = heartbeat_s
        self._started = time.monotonic() - elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def step(self, title: str) -> AbstractContextManager[Step]:
        """Show a step while the block runs; print its duration at its end, and whether it failed."""
        return self._step(Step(title))

    @contextmanager
    def _step(self, step: Step) -> Iterator[Step]:
        started_s = time.monotonic()
        ending = "failed after"
        try:
            with self._spinning(step) if _is_live(self._out) else self._beating(step):
                yield step
            ending = ""
        finally:
            seconds = time.monotonic() - started_s
            text = f"{step.title}: {step.detail}" if step.detail else step.title
            self._line(f"{text} ({ending + ' ' if ending else ''}{seconds:.1f} s)")

    def say(self, text: str) -> None:
        """Print text unchanged."""
        print(text, file=self._out, flush=True)

    def warn(self, text: str) -> None:
        """Print a warning in a box on stderr."""
        inner = BOX_WIDTH - 4
        lines = [
            line for part in text.splitlines() for line in textwrap.wrap(part, inner, break_on_hyphens=False) or [""]
        ]
        edge = "!" * BOX_WIDTH
        body = "\n".join(f"! {line:<{inner}} !" for line in lines)
        print(f"{edge}\n{body}\n{edge}", file=self._err, flush=True)

    def fail(self, text: str) -> None:
        """Print the reason of a failed run on stderr."""
        print(f"error: {text}", file=self._err, flush=True)

    def table(self, title: str, rows: Iterable[Sequence[str]]) -> None:
        """Print a title and rows of cells; the first column is aligned left, the others right."""
        self.say("\n".join(["", title, *align(rows)]))

    def listing(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print a title and names with their values, all aligned left."""
        pairs = list(rows)
        width = max((len(name) for name, _ in pairs), default=0)
        self.say("\n".join(["", title, *(f"  {name:<{width}}  {value}" for name, value in pairs)]))

    def _line(self, text: str) -> None:
        print(f"{self.elapsed_s:7.1f} s  {text}", file=self._out, flush=True)

    def _spinning(self, step: Step) -> AbstractContextManager[object]:
        # Imported only if a terminal can show it: the import takes a tenth of a second.
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import Progress as Spinner
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        spinner = Spinner(
            TimeElapsedColumn(),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=Console(file=self._out),
            transient=True,
            # Each refresh holds the interpreter for about a millisecond; ten a second would be the p99 of what runs.
            refresh_per_second=4,
            # A library's own print belongs where it was sent, not into the spinner: `ensure` has one line on stdout.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        spinner.add_task(escape(step.title), total=None)
        return spinner

    @contextmanager
    def _beating(self, step: Step) -> Iterator[None]:
        is_finished = threading.Event()

        def beat() -> None:
            started_s = time.monotonic()
            while not is_finished.wait(self._heartbeat_s):
                self._line(f"{step.title} ... ({time.monotonic() - started_s:.0f} s so far)")

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_finished.set()
            thread.join()


def silence() -> Progress:
    """Return a progress that prints nothing, for callers that run training from code."""
    return _Silence()


class _Silence(Progress):
    def step(self, title: str) -> AbstractContextManager[Step]:
        return nullcontext(Step(title))

    def say(self, text: str) -> None:
        """Print nothing."""

    def warn(self, text: str) -> None:
        """Print nothing."""


def align(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out rows of cells as lines of text, indented by two; the first column to the left, the others to the right.

    Raises:
        ValueError: the rows differ in length.
    """
    table = [[str(cell) for cell in row] for row in rows]
    if not table:
        return []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    ]


def _is_live(stream: TextIO) -> bool:
    """Return whether a spinner can be shown: on a terminal that can move its cursor, outside CI."""
    return stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM") not in ("dumb", "")
