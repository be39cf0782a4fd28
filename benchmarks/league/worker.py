"""One contestant's run: converts each case, asks it about all rows, and times it in turns with Tabento's graph.

Runs in the contestant's environment: ``python -m benchmarks.league.worker skl2onnx FOLDER OUT.jsonl``. Each case has a
process of its own, so that a crash, a loop without end or a hunger for memory costs that case only.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.league.case import TIMED_ROWS, Case, read
from benchmarks.league.contestants import CONTESTANTS, Converted, NotForItError
from benchmarks.league.result import Outcome, compare

PROCESSOR_S = 120
"""Seconds of the processor that a case may take, converting and answering."""
MEMORY = 6 * 2**30
"""Bytes of address space that a case may take."""
CHUNK = 1_000
ROUNDS = 15
ROUND_S = 0.005
ERROR_LENGTH = 160


def run_case(name: str, case: Case, *, timed: bool) -> Outcome:
    """Convert a case, ask about its rows and compare."""
    base: dict[str, Any] = {"case": case.name, "family": case.family}
    try:
        converted = CONTESTANTS[name](case)
    except Exception as error:  # each library has errors of its own
        prefix = "" if isinstance(error, NotForItError) else f"{type(error).__name__}: "
        return Outcome(**base, refused=_short(f"{prefix}{error}"))
    base["whole"] = converted.whole
    try:
        parts = [
            converted.ask(converted.prepare(case.frame.iloc[start : start + CHUNK]))
            for start in range(0, len(case.frame), CHUNK)
        ]
        labels = np.concatenate([np.asarray(part[0]) for part in parts])
        chances = None if parts[0][1] is None else np.concatenate([np.asarray(part[1]) for part in parts])
        figures = compare(case, labels, chances)
        return Outcome(**base, **figures, **(_times(case, converted) if timed else {}))
    except Exception as error:
        return Outcome(**base, failed=_short(f"{type(error).__name__}: {error}"))


def _times(case: Case, converted: Converted) -> dict[str, float]:
    found: dict[str, float] = {}
    for count in (1, TIMED_ROWS):
        given = converted.prepare(case.frame.iloc[:count])
        runs: dict[str, Callable[[], object]] = {"": functools.partial(converted.ask, given)}
        if case.graph is not None:
            runs["tabento_"] = _tabento(case.graph, np.ascontiguousarray(case.packed[:count]))
        found |= {f"{who}us_{count}": 1e6 * best / count for who, best in _in_turns(runs).items()}
    return found


def _tabento(graph: bytes, rows: Any) -> Callable[[], object]:
    import onnxruntime

    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, chosen, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"rows": rows})


def _in_turns(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the seconds of one call of each: the mean over its best round, in turns."""
    counts = {}
    for who, run in runs.items():
        run()
        began = time.perf_counter()
        run()
        counts[who] = max(2, int(ROUND_S / max(time.perf_counter() - began, 1e-7)))
    best = dict.fromkeys(runs, float("inf"))
    gc.disable()
    for _ in range(ROUNDS):
        for who, run in runs.items():
            began = time.perf_counter()
            for _ in range(counts[who]):
                run()
            best[who] = min(best[who], (time.perf_counter() - began) / counts[who])
    gc.enable()
    return best


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def _alone(name: str, path: Path, timed: bool, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S + 5))
    if name != "hummingbird":  # PyTorch reserves more addresses than it uses memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer.send(run_case(name, read(path), timed=timed).model_dump_json())


def main(name: str, folder: Path, out: Path, timed: bool) -> None:
    """Run all cases of a folder and write an outcome a line."""
    paths = sorted(folder.glob("*.case"))
    context = multiprocessing.get_context("fork")
    with out.open("w") as lines:
        for at, path in enumerate(paths, 1):
            answer, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_alone, args=(name, path, timed, theirs))
            process.start()
            theirs.close()
            try:
                line = answer.recv()
            except EOFError:
                process.join()
                case = read(path)
                said = f"its process ended with code {process.exitcode}"
                line = Outcome(case=case.name, family=case.family, failed=said).model_dump_json()
            process.join()
            lines.write(line + "\n")
            if not at % 25 or at == len(paths):
                sys.stderr.write(f"{name}: {at} of {len(paths)}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), timed="--untimed" not in sys.argv)
