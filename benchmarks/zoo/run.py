"""A run through the zoo: members are proven side by side in processes of their own, and timed one by one when all is quiet."""

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
from benchmarks.zoo.measure import Measured, fit, measure, time_graphs
from benchmarks.zoo.pipelines import zoo
from benchmarks.zoo.results import Result

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What keeps a process of its own to one core."""
Tell = Callable[[str], None]


def run(keys: Sequence[str], data: Path | None, jobs: int, tell: Tell, rows: int = ROWS) -> list[Result]:
    """Fit, export, prove and time.

    Args:
        keys: members of the zoo.
        data: the California table, or None for none of its members.
        jobs: how many members are proven at a time.
        tell: is told what has been done, line by line.
        rows: how many rows the made-up table has.

    Returns:
        A result for each member, in the order of the keys, California's last.

    Raises:
        BenchmarkError: the California table cannot be read.
    """
    tasks: list[tuple[str, Path | None]] = [(key, None) for key in keys]
    tasks += [(name, data) for name in NAMES if data is not None]
    with tempfile.TemporaryDirectory(prefix="zoo-") as name:
        folder = Path(name)
        for done, number in enumerate(_proven(tasks, folder, jobs, rows), 1):
            tell(f"[{done}/{len(tasks)}] {tasks[number][0]}: {_line(_kept(folder, number).result)}")
        results = []
        for number, (key, _) in enumerate(tasks):
            measured = _kept(folder, number)
            results.append(measured.result.model_copy(update={"speed": time_graphs(measured)}))
            if not (number + 1) % 20:
                tell(f"timed {number + 1} of {len(tasks)}, at last {key}")
    return results


def _proven(tasks: Sequence[tuple[str, Path | None]], folder: Path, jobs: int, rows: int) -> Iterator[int]:
    """Prove all, and give the number of each as it is done."""
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
    """Measure one member and keep what was found in the folder: graphs may be large, and there are many."""
    specimen = california(data, key) if data is not None else fit(zoo()[key], shipments(rows))
    (folder / str(number)).write_bytes(pickle.dumps(measure(specimen)))


def _kept(folder: Path, number: int) -> Measured:
    measured: Measured = pickle.loads((folder / str(number)).read_bytes())  # noqa: S301 - written by _prove
    return measured


def _line(result: Result) -> str:
    """Say in a line what was found."""
    if result.refused or result.broken or result.exact is None:
        return f"refused: {result.refused}" if result.refused else f"BROKEN: {result.broken}"
    exact, naive = result.exact, result.naive
    said = f"worst {exact.worst_relative:.1e} in {exact.rows:,} rows"
    if exact.failed:
        said = f"NOT PROVEN: {said}: {exact.failed}"
    if naive is None or naive.failed:
        return f"{said}; naive fails"
    return f"{said}; naive {naive.test_share:.2%} of test rows off"
