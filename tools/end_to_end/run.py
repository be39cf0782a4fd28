"""The run: each step in order with a line and a time, then the cleanup, also after a failure, SIGINT or SIGTERM."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import psutil

from tools.end_to_end.errors import SkippedError, StepError
from tools.end_to_end.home import Home, end_processes

NAME_WIDTH = 9


@dataclass
class Journey:
    """The state that one step leaves for the next."""

    home: Home
    stack: ExitStack
    """Closed by the cleanup: processes that a step leaves running."""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A step and its work, which returns the result in a few words."""

    name: str
    work: Callable[[Journey], str]


@dataclass(frozen=True)
class StepResult:
    """The result of a step."""

    name: str
    outcome: str
    """``ok``, ``skipped`` or ``FAILED``."""
    seconds: float
    detail: str


def run_steps(
    steps: Sequence[Step], output: TextIO, keep: bool = False, parent: Path | None = None
) -> list[StepResult]:
    """Run steps in a temporary home until one of them fails, and clean up.

    Args:
        steps: the steps.
        output: receives a line for each step.
        keep: whether the home remains, for a look at its logs.
        parent: the folder of the home; None means the system's folder for temporary files.

    Returns:
        The results, with the cleanup as the last one.
    """
    results: list[StepResult] = []
    folder = Path(tempfile.mkdtemp(prefix="tabento-e2e-", dir=parent))
    output.write(f"home: {folder}\n")
    output.flush()
    earlier = set(psutil.Process().children(recursive=True))
    stack = ExitStack()
    try:
        with stack:
            journey = Journey(Home.create(folder), stack)
            for step in steps:
                results.append(_run(step.name, lambda work=step.work: work(journey), output))  # type: ignore[misc]
                if results[-1].outcome == "FAILED":
                    break
    finally:
        results.append(_run("cleanup", lambda: _clean_up(folder, keep, earlier), output))
    return results


def _run(name: str, work: Callable[[], str], output: TextIO) -> StepResult:
    start_s = time.monotonic()
    try:
        outcome, detail = "ok", work()
    except SkippedError as error:
        outcome, detail = "skipped", str(error)
    except StepError as error:
        outcome, detail = "FAILED", str(error)
    except Exception as error:
        outcome, detail = "FAILED", repr(error)
    except BaseException:
        output.write(f"FAILED   {name:{NAME_WIDTH}} {time.monotonic() - start_s:6.1f} s  interrupted\n")
        raise
    result = StepResult(name, outcome, round(time.monotonic() - start_s, 2), detail)
    output.write(f"{outcome:8} {name:{NAME_WIDTH}} {result.seconds:6.1f} s  {detail}\n")
    output.flush()
    return result


def _clean_up(folder: Path, keep: bool, earlier: set[psutil.Process]) -> str:
    """Remove the home.

    Args:
        folder: the home.
        keep: whether it remains.
        earlier: the processes below this one that are not the run's.

    Raises:
        StepError: a step left a process running; it is ended.
    """
    remaining = [process for process in psutil.Process().children(recursive=True) if process not in earlier]
    end_processes(remaining)
    if keep:
        detail = f"kept {folder}"
    else:
        shutil.rmtree(folder)
        detail = "removed the home, no process remains"
    if remaining:
        raise StepError(f"a step left processes running: {[process.pid for process in remaining]}")
    return detail


@contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise ``SystemExit`` within the block, so that the cleanup runs."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def report(results: Sequence[StepResult], output: TextIO, json_path: Path | None = None) -> int:
    """Write the last line, and the results as JSON if there is a path.

    Returns:
        0 if no step failed, else 1.
    """
    failed = [result.name for result in results if result.outcome == "FAILED"]
    skipped = [result.name for result in results if result.outcome == "skipped"]
    total_s = sum(result.seconds for result in results)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        document = {"succeeded": not failed, "seconds": round(total_s, 2), "steps": [asdict(step) for step in results]}
        json_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    text = f"failed at {', '.join(failed)}" if failed else "all steps succeeded"
    output.write(f"{text}{f', skipped: {chr(44).join(skipped)}' if skipped else ''}, {total_s:.1f} s\n")
    return 1 if failed else 0
