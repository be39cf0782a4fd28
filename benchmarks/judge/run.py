"""A run over entries: each entry is fitted, imported and judged, one at a time or in parallel processes."""

from __future__ import annotations

import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.error_text import raising_line, shorten
from benchmarks.import_way import FULL_PROOF_ROWS, PROOF_ROWS, ImportedPipeline, NotProvenError, import_pipeline
from benchmarks.judge.catalogue import own_steps
from benchmarks.judge.catalogue.entries import entries
from benchmarks.judge.classes import class_names
from benchmarks.judge.entry import Data, Entry
from benchmarks.judge.judge import SEED, judge
from benchmarks.judge.judgement import Outcome, Result
from tabento.adopt.contract_check import without_warnings
from tabento.errors import TabentoError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The variables that limit a process to one core."""
SECONDS_MAX = 240
"""The time limit of an entry; a longer one is stopped and reported as an error."""
KEPT_EVERY = 5
"""The number of entries after which the results are saved."""
OWN_FUNCTIONS = tuple(
    f"{own_steps.__name__}.{name}"
    for name, member in vars(own_steps).items()
    if callable(member) and getattr(member, "__module__", "") == own_steps.__name__
)
"""The classes and functions of the catalogue's owners; the import trusts them."""
WORDS = 400
"""The maximum length of a message."""
Tell = Callable[[str], None]


def run(
    names: Sequence[str],
    jobs: int,
    tell: Tell,
    *,
    seed: int = SEED,
    proof: bool = True,
    known_results: Sequence[Result] = (),
    keep: Callable[[list[Result]], None] | None = None,
) -> list[Result]:
    """Judge entries of the catalogue.

    Args:
        names: the entries' names.
        jobs: the number of entries that are judged at a time.
        tell: the function that receives a line for each result.
        seed: the same seed gives the same rows.
        proof: whether the proof runs. Without the proof, the judge also checks wrong graphs that the proof would stop.
        known_results: results of an earlier run, whose entries are not judged again.
        keep: the function that receives all results so far, after every few entries.

    Returns:
        A result for each name, in their order.
    """
    results = {result.name: result for result in known_results if result.name in names}
    for result in _judge_entries([name for name in names if name not in results], jobs, seed, proof):
        results[result.name] = result
        tell(f"[{len(results)}/{len(names)}] {line(result)}")
        if keep is not None and len(results) % KEPT_EVERY == 0:
            keep([results[name] for name in names if name in results])
    return [results[name] for name in names]


def _judge_entries(names: Sequence[str], jobs: int, seed: int, proof: bool) -> Iterator[Result]:
    if jobs == 1:
        known_entries = entries()
        for name in names:
            yield judge_entry(known_entries[name], seed, proof)
        return
    for variable in THREADS:
        os.environ.setdefault(variable, "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=60) as pool:
        for future in as_completed([pool.submit(_judge_named_entry, name, seed, proof) for name in names]):
            yield future.result()


def _judge_named_entry(name: str, seed: int, proof: bool) -> Result:
    return judge_entry(entries()[name], seed, proof)


def judge_entry(entry: Entry, seed: int = SEED, proof: bool = True) -> Result:
    """Fit, import and judge one entry; an error becomes an outcome."""
    absent = entry.missing_modules()
    if absent:
        return _result(entry, "skipped", f"not installed: {', '.join(absent)}")
    seconds: dict[str, float] = {}
    started_s = time.perf_counter()
    try:
        with _time_limit(), without_warnings():
            data = entry.data()
            pipeline = _fit_entry(entry, data)
    except Exception as error:  # the entry itself fails, or a library has another version
        return _result(entry, "skipped", f"it cannot be fitted: {_short_message(error)}")
    seconds["fit"] = time.perf_counter() - started_s
    classes = class_names(pipeline)
    with without_warnings():
        outcome, words, step, imported = _try_import(entry, pipeline, data, PROOF_ROWS if proof else None)
        seconds["import"] = time.perf_counter() - started_s - seconds["fit"]
        if imported is None:
            return _result(entry, outcome, words, step=step, classes=classes, seconds=seconds)
        result = _judge_import(entry, data, imported, classes, seconds, seed)
        if result.outcome != "LIE" or not proof:
            return result
        # The proof was short. A graph that the full proof stops is never stored, so it is not a lie.
        outcome, words, step, imported = _try_import(entry, pipeline, data, FULL_PROOF_ROWS)
        if imported is not None:
            return result
        return _result(
            entry, outcome, f"by the whole proof: {words}", step=step, classes=classes, seconds=result.seconds
        )


def _try_import(
    entry: Entry, pipeline: Any, data: Data, proof_rows: int | None
) -> tuple[Outcome, str, str, ImportedPipeline | None]:
    try:
        with _time_limit():
            imported = import_pipeline(
                pipeline,
                data.sample,
                edit=entry.edit,
                columns_from_sample=not data.header,
                proof_rows=proof_rows,
                trust_functions=OWN_FUNCTIONS,
            )
    except NotProvenError as error:
        return "not proven", _short_message(error), "", None
    except TabentoError as error:
        return "refused", _short_message(error), str(getattr(error, "step", "")), None
    except Exception as error:
        return "raw error", f"{_short_message(error)} ({raising_line(error)})", "", None
    return "equal", "", "", imported


def _judge_import(
    entry: Entry, data: Data, imported: ImportedPipeline, classes: tuple[str, ...], seconds: dict[str, float], seed: int
) -> Result:
    started_s = time.perf_counter()
    dtypes = {str(name): dtype for name, dtype in data.fit.dtypes.items()} if data.header else {}
    try:
        with _time_limit():
            judgement = judge(
                imported.pipeline,
                imported.model,
                imported.contract,
                imported.sample,
                dtypes=dtypes,
                missing_text=entry.missing_text,
                seed=seed,
            )
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        words = f"the judge itself failed: {_short_message(error)} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
        return _result(entry, "skipped", words, classes=classes, seconds=seconds)
    seconds = {**seconds, **imported.seconds, "judge": time.perf_counter() - started_s}
    outcome: Outcome = "LIE" if judgement.lies else "knife edge" if judgement.knife_edges else "equal"
    return Result(
        name=entry.name, group=entry.group, outcome=outcome, judgement=judgement, classes=classes, seconds=seconds
    )


def _fit_entry(entry: Entry, data: Data) -> Any:
    np.random.seed(SEED)
    rows = data.fit if data.header else data.fit.to_numpy()
    pipeline = entry.build()
    fitted = pipeline.fit(rows) if data.target is None else pipeline.fit(rows, data.target)
    # Users save the fitted search or its best estimator.
    pickle.dumps(fitted)
    return fitted


def line(result: Result) -> str:
    """Return a result as one line."""
    words = f"{result.outcome:11} {result.name}"
    judgement = result.judgement
    if judgement is None:
        return f"{words}: {result.words[:200]}"
    words += f": {judgement.rows:,} rows, worst {judgement.worst:.1e}"
    for count, description in (
        (judgement.wrong, f"wrong of {judgement.asked_again} asked again ({judgement.differing:,} differ)"),
        (judgement.raises, "answered though scikit-learn raises"),
        (judgement.undecided, "undecided"),
        (judgement.knife_edges, "knife edges"),
    ):
        if count:
            words += f", {count:,} {description}"
    return f"{words}, {sum(result.seconds.get(part, 0.0) for part in ('fit', 'import', 'judge')):.1f} s"


def _result(
    entry: Entry,
    outcome: Outcome,
    words: str,
    *,
    step: str = "",
    classes: tuple[str, ...] = (),
    seconds: dict[str, float] | None = None,
) -> Result:
    return Result(
        name=entry.name,
        group=entry.group,
        outcome=outcome,
        words=words,
        step=step,
        classes=classes,
        seconds=seconds or {},
    )


def _short_message(error: BaseException) -> str:
    kind = "" if isinstance(error, TabentoError) else f"{type(error).__name__}: "
    return kind + shorten(str(error), WORDS)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise a ``TimeoutError`` after ``SECONDS_MAX``; only in the main thread, where signals arrive."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"it took more than {SECONDS_MAX} s")

    previous_handler = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous_handler)
