"""One contestant's run: it converts each case, predicts all rows, and is timed in alternation with Tabento's graph.

It runs in the contestant's environment: ``python -m benchmarks.league.worker skl2onnx FOLDER OUT.jsonl``. Each case has a
process of its own, so that a crash, an endless loop or too much memory affects that case only.
"""

from __future__ import annotations

import functools
import multiprocessing
import resource
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alternation import time_in_alternation
from benchmarks.error_text import shorten
from benchmarks.league.case import TIMED_ROWS, Case, read
from benchmarks.league.contestants import CONTESTANTS, ConvertedPipeline, NotForItError
from benchmarks.league.result import Outcome, compare

PROCESSOR_S = 120
"""The limit of processor seconds for a case, conversion and predictions together."""
MEMORY = 6 * 2**30
"""The limit of address space for a case, in bytes."""
CHUNK = 1_000
ROUNDS = 15
ERROR_LENGTH = 160


def run_case(name: str, case: Case, *, timed: bool) -> Outcome:
    """Convert a case, predict its rows and compare."""
    base: dict[str, Any] = {"case": case.name, "family": case.family}
    try:
        converted = CONTESTANTS[name](case)
    except Exception as error:  # each library has its own errors
        prefix = "" if isinstance(error, NotForItError) else f"{type(error).__name__}: "
        return Outcome(**base, refused=shorten(f"{prefix}{error}", ERROR_LENGTH))
    base["whole"] = converted.is_whole
    try:
        parts = [
            converted.answer(converted.prepare(case.frame.iloc[start : start + CHUNK]))
            for start in range(0, len(case.frame), CHUNK)
        ]
        labels = np.concatenate([np.asarray(part[0]) for part in parts])
        chances = None if parts[0][1] is None else np.concatenate([np.asarray(part[1]) for part in parts])
        figures = compare(case, labels, chances)
        return Outcome(**base, **figures, **(_times(case, converted) if timed else {}))
    except Exception as error:
        return Outcome(**base, failed=shorten(f"{type(error).__name__}: {error}", ERROR_LENGTH))


def _times(case: Case, converted: ConvertedPipeline) -> dict[str, float]:
    times: dict[str, float] = {}
    for count in (1, TIMED_ROWS):
        values = converted.prepare(case.frame.iloc[:count])
        runs: dict[str, Callable[[], object]] = {"": functools.partial(converted.answer, values)}
        if case.graph is not None:
            runs["tabento_"] = _tabento(case.graph, np.ascontiguousarray(case.packed[:count]))
        times |= {
            f"{prefix}us_{count}": 1e6 * best / count for prefix, best in time_in_alternation(runs, ROUNDS).items()
        }
    return times


def _tabento(graph: bytes, rows: Any) -> Callable[[], object]:
    import onnxruntime

    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, session_options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"rows": rows})


def _run_in_process(name: str, path: Path, timed: bool, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S + 5))
    if name != "hummingbird":  # PyTorch reserves more addresses than memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer.send(run_case(name, read(path), timed=timed).model_dump_json())


def main(name: str, folder: Path, out: Path, timed: bool) -> None:
    """Run all cases of a folder and write one outcome a line."""
    paths = sorted(folder.glob("*.case"))
    context = multiprocessing.get_context("fork")
    with out.open("w") as lines:
        for index, path in enumerate(paths, 1):
            answer, worker_connection = context.Pipe(duplex=False)
            process = context.Process(target=_run_in_process, args=(name, path, timed, worker_connection))
            process.start()
            worker_connection.close()
            try:
                line = answer.recv()
            except EOFError:
                process.join()
                case = read(path)
                reason = f"its process ended with code {process.exitcode}"
                line = Outcome(case=case.name, family=case.family, failed=reason).model_dump_json()
            process.join()
            lines.write(line + "\n")
            if not index % 25 or index == len(paths):
                sys.stderr.write(f"{name}: {index} of {len(paths)}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), timed="--untimed" not in sys.argv)
