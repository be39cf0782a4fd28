"""A run through the zoo: members are proven in parallel processes, and then timed one at a time when nothing else runs."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from benchmarks.zoo.california import NAMES, california
from benchmarks.zoo.data import ROWS, shipments
from benchmarks.zoo.measure import MeasuredMember, fit, measure, time_graphs
from benchmarks.zoo.pipelines import zoo
from benchmarks.zoo.results import Result

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The variables that limit a process to one core."""
Tell = Callable[[str], None]


def run(keys: Sequence[str], data: Path | None, jobs: int, tell: Tell, rows: int = ROWS) -> list[Result]:
    """Fit, export, prove and time.

    Args:
        keys: members of the zoo.
        data: the California table; None for no members on it.
        jobs: the number of members that are proven at a time.
        tell: the function that receives the lines of progress.
        rows: the number of rows of the synthetic table.

    Returns:
        A result for each member, in the order of the keys, with California's members last.

    Raises:
        BenchmarkError: the California table cannot be read.
    """
    tasks: list[tuple[str, Path | None]] = [(key, None) for key in keys]
    tasks += [(name, data) for name in NAMES if data is not None]
    with tempfile.TemporaryDirectory(prefix="zoo-") as name:
        folder = Path(name)
        for n_done, number in enumerate(_prove_members(tasks, folder, jobs, rows), 1):
            tell(f"[{n_done}/{len(tasks)}] {tasks[number][0]}: {_line(_stored_member(folder, number).result)}")
        results = []
        for number, (key, _) in enumerate(tasks):
            measured = _stored_member(folder, number)
            results.append(measured.result.model_copy(update={"speed": time_graphs(measured)}))
            if not (number + 1) % 20:
                tell(f"timed {number + 1} of {len(tasks)}, the last is {key}")
    return results


def _prove_members(tasks: Sequence[tuple[str, Path | None]], folder: Path, jobs: int, rows: int) -> Iterator[int]:
    """Prove all members, and yield the number of each finished member."""
    if jobs == 1:
        for number, (key, data) in enumerate(tasks):
            _prove(key, data, folder, number, rows)
            yield number
        return
    for name in THREADS:
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        started = {
            pool.submit(_prove, key, data, folder, number, rows): number for number, (key, data) in enumerate(tasks)
        }
        for future in as_completed(started):
            future.result()
            yield started[future]


def _prove(key: str, data: Path | None, folder: Path, number: int, rows: int) -> None:
    """Measure one member and write the result to the folder, because the graphs are many and can be large."""
    specimen = california(data, key) if data is not None else fit(zoo()[key], shipments(rows))
    (folder / str(number)).write_bytes(pickle.dumps(measure(specimen)))


def _stored_member(folder: Path, number: int) -> MeasuredMember:
    measured: MeasuredMember = pickle.loads((folder / str(number)).read_bytes())  # noqa: S301 - written by _prove
    return measured


def _line(result: Result) -> str:
    """Return the result as one line."""
    if result.refused or result.broken or result.exact is None:
        return f"refused: {result.refused}" if result.refused else f"BROKEN: {result.broken}"
    exact, naive = result.exact, result.naive
    text = f"worst {exact.worst_relative:.1e} in {exact.rows:,} rows"
    if exact.failed:
        text = f"NOT PROVEN: {text}: {exact.failed}"
    if naive is None or naive.failed:
        return f"{text}; naive fails"
    return f"{text}; naive {naive.test_share:.2%} of test rows off"
