"""A run over entries: each is fitted, imported and judged, one after the other or in processes side by side."""

from __future__ import annotations

import os
import pickle
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.import_way import FULL_PROOF_ROWS, PROOF_ROWS, Imported, NotProvenError, import_pipeline
from benchmarks.judge.catalogue import own_steps
from benchmarks.judge.catalogue.entries import entries
from benchmarks.judge.classes import class_names
from benchmarks.judge.entry import Data, Entry
from benchmarks.judge.judge import SEED, judge
from benchmarks.judge.judgement import Outcome, Result
from training.errors import TrainingError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What keeps a process of its own to one core."""
SECONDS_MAX = 240
"""An entry that takes longer is ended, and told as a fault."""
KEPT_EVERY = 5
"""After how many entries the results are kept."""
OWN_FUNCTIONS = tuple(
    f"{own_steps.__name__}.{name}"
    for name, own in vars(own_steps).items()
    if callable(own) and getattr(own, "__module__", "") == own_steps.__name__
)
"""What the catalogue's people write themselves: whoever imports their pipelines trusts it."""
WORDS = 400
"""How much of a message is kept."""
Tell = Callable[[str], None]


def run(
    names: Sequence[str],
    jobs: int,
    tell: Tell,
    *,
    seed: int = SEED,
    proof: bool = True,
    known: Sequence[Result] = (),
    keep: Callable[[list[Result]], None] | None = None,
) -> list[Result]:
    """Judge entries of the catalogue.

    Args:
        names: the entries' names.
        jobs: how many are judged at a time.
        tell: is told each result, line by line.
        seed: the same seed gives the same rows.
        proof: whether the proof is run; without it, wrong graphs are judged that the proof would stop.
        known: results of an earlier run, whose entries are not judged again.
        keep: is given all results so far, now and then.

    Returns:
        A result for each name, in their order.
    """
    results = {result.name: result for result in known if result.name in names}
    for result in _each([name for name in names if name not in results], jobs, seed, proof):
        results[result.name] = result
        tell(f"[{len(results)}/{len(names)}] {line(result)}")
        if keep is not None and len(results) % KEPT_EVERY == 0:
            keep([results[name] for name in names if name in results])
    return [results[name] for name in names]


def _each(names: Sequence[str], jobs: int, seed: int, proof: bool) -> Iterator[Result]:
    if jobs == 1:
        known = entries()
        for name in names:
            yield judge_entry(known[name], seed, proof)
        return
    for variable in THREADS:
        os.environ.setdefault(variable, "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=60) as pool:
        for future in as_completed([pool.submit(_named, name, seed, proof) for name in names]):
            yield future.result()


def _named(name: str, seed: int, proof: bool) -> Result:
    return judge_entry(entries()[name], seed, proof)


def judge_entry(entry: Entry, seed: int = SEED, proof: bool = True) -> Result:
    """Fit, import and judge one entry; whatever is raised becomes an outcome."""
    absent = entry.missing_modules()
    if absent:
        return _result(entry, "skipped", f"not installed: {', '.join(absent)}")
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    try:
        with _time_limit(), _quiet():
            data = entry.data()
            pipeline = _fitted(entry, data)
    except Exception as error:  # the entry itself is at fault, or a library of another version
        return _result(entry, "skipped", f"it cannot be fitted: {_short(error)}")
    seconds["fit"] = time.perf_counter() - began
    classes = class_names(pipeline)
    with _quiet():
        outcome, words, step, imported = _imported(entry, pipeline, data, PROOF_ROWS if proof else None)
        seconds["import"] = time.perf_counter() - began - seconds["fit"]
        if imported is None:
            return _result(entry, outcome, words, step=step, classes=classes, seconds=seconds)
        result = _judged(entry, data, imported, classes, seconds, seed)
        if result.outcome != "LIE" or not proof:
            return result
        # The proof was a short one: a graph that the whole proof stops is never stored, so it is no lie.
        outcome, words, step, imported = _imported(entry, pipeline, data, FULL_PROOF_ROWS)
        if imported is not None:
            return result
        return _result(
            entry, outcome, f"by the whole proof: {words}", step=step, classes=classes, seconds=result.seconds
        )


def _imported(
    entry: Entry, pipeline: Any, data: Data, proof_rows: int | None
) -> tuple[Outcome, str, str, Imported | None]:
    try:
        with _time_limit():
            made = import_pipeline(
                pipeline,
                data.sample,
                edit=entry.edit,
                columns_from_sample=not data.header,
                proof_rows=proof_rows,
                trust_functions=OWN_FUNCTIONS,
            )
    except NotProvenError as error:
        return "not proven", _short(error), "", None
    except TrainingError as error:
        return "refused", _short(error), str(getattr(error, "step", "")), None
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/training/" in frame.filename] or frames
        place = f"{own[-1].filename.rpartition('/training/')[2]}:{own[-1].lineno}" if own else ""
        return "raw error", f"{_short(error)} ({place})", "", None
    return "equal", "", "", made


def _judged(
    entry: Entry, data: Data, imported: Imported, classes: tuple[str, ...], seconds: dict[str, float], seed: int
) -> Result:
    began = time.perf_counter()
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
        words = f"the judge itself failed: {_short(error)} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
        return _result(entry, "skipped", words, classes=classes, seconds=seconds)
    seconds = {**seconds, **imported.seconds, "judge": time.perf_counter() - began}
    outcome: Outcome = "LIE" if judgement.lies else "knife edge" if judgement.knife_edges else "equal"
    return Result(
        name=entry.name, group=entry.group, outcome=outcome, judgement=judgement, classes=classes, seconds=seconds
    )


def _fitted(entry: Entry, data: Data) -> Any:
    np.random.seed(SEED)
    given = data.fit if data.header else data.fit.to_numpy()
    pipeline = entry.build()
    fitted = pipeline.fit(given) if data.target is None else pipeline.fit(given, data.target)
    # A search's best estimator is what people save.
    pickle.dumps(fitted)
    return fitted


def line(result: Result) -> str:
    """Return a result in a line."""
    words = f"{result.outcome:11} {result.name}"
    judgement = result.judgement
    if judgement is None:
        return f"{words}: {result.words[:200]}"
    words += f": {judgement.rows:,} rows, worst {judgement.worst:.1e}"
    for count, what in (
        (judgement.wrong, f"wrong of {judgement.asked_again} asked again ({judgement.differing:,} differ)"),
        (judgement.raises, "answered though scikit-learn raises"),
        (judgement.undecided, "undecided"),
        (judgement.knife_edges, "knife edges"),
    ):
        if count:
            words += f", {count:,} {what}"
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


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, TrainingError) else f"{type(error).__name__}: "
    return f"{kind}{text}" if len(text) <= WORDS else f"{kind}{text[: WORDS - 1]}…"


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise a ``TimeoutError`` after ``SECONDS_MAX``; only in the main thread, where signals arrive."""

    def ended(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"it took more than {SECONDS_MAX} s")

    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
