"""One composition: drawn, fitted, imported and proven; whatever is raised becomes an outcome."""

from __future__ import annotations

import pickle
import re
import signal
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.fuzz_export.compose import Composer
from benchmarks.fuzz_export.draw import Draw
from benchmarks.fuzz_export.outcome import Outcome, Result
from benchmarks.fuzz_export.tables import Table, draw_table
from benchmarks.import_way import NotProvenError, import_pipeline
from training.adoption.fitted_steps import fitted_steps
from training.errors import TrainingError
from training.export.errors import ExportError

CPU_SECONDS = 60
"""An import that takes longer is a hang."""
FIT_CPU_SECONDS = 15
"""A pipeline that takes longer to fit is drawn again."""
REDRAWS_MAX = 30
"""How often a composition that cannot be fitted is drawn again."""
PROOF_ROWS = 300
"""About how many rows the proof compares."""
WORDS = 500
"""How much of a message is kept."""


@dataclass(frozen=True)
class Fitted:
    """A composition that could be fitted."""

    pipeline: Any
    table: Table
    redraws: int


class HangError(BaseException):
    """More time was taken than there is; no ``except Exception`` of the import keeps it."""


def attempt(seed: int, number: int, proof_rows: int | None = PROOF_ROWS) -> Result:
    """Draw, fit and import the composition of a number.

    Args:
        seed: the run's seed.
        number: of the composition; the same seed and number give the same one.
        proof_rows: about how many rows the proof compares.
    """
    began = time.process_time()
    with _quiet():
        fitted = fit(seed, number)
        if fitted is None:
            return Result(number=number, outcome="not fitted", redraws=REDRAWS_MAX)
        outcome, error = import_outcome(fitted, proof_rows)
    return Result(
        number=number,
        outcome=outcome,
        words=_short(error),
        step=_step(error),
        pipeline=described(fitted.pipeline),
        place=_place(error) if outcome == "RAW" else "",
        trace=_trace(error) if outcome == "RAW" else "",
        classes=class_names(fitted.pipeline),
        redraws=fitted.redraws,
        seconds=round(time.process_time() - began, 2),
    )


def fit(seed: int, number: int) -> Fitted | None:
    """Draw compositions of a number until one can be fitted and pickled; None if none can."""
    for redraw in range(REDRAWS_MAX):
        draw = Draw(np.random.default_rng([seed, number, redraw]))
        table = draw_table(draw)
        try:
            with _cpu_limit(FIT_CPU_SECONDS):
                # Steps without a seed of their own draw from here.
                np.random.seed(draw.seed())
                pipeline = Composer(draw, table).pipeline()
                pipeline.fit(table.data) if table.target is None else pipeline.fit(table.data, table.target)
                pipeline.predict(table.data)
                pickle.dumps(pipeline)
        except (Exception, HangError):  # noqa: S112  # scikit-learn itself refuses it, in whatever way: it is drawn again
            continue
        return Fitted(pipeline, table, redraw)
    return None


def import_outcome(fitted: Fitted, proof_rows: int | None = PROOF_ROWS) -> tuple[Outcome, BaseException | None]:
    """Import a fitted composition; returns the outcome and what was raised."""
    table = fitted.table
    sample = table.frame.copy()
    sample.columns = [str(name) for name in sample.columns]
    try:
        with _cpu_limit(CPU_SECONDS):
            import_pipeline(fitted.pipeline, sample, proof_rows=proof_rows, columns_from_sample=not table.header)
    except NotProvenError as error:
        return "not proven", error
    except ExportError as error:
        return "refused", error
    except TrainingError as error:
        return "told", error
    except (Exception, HangError) as error:
        return "RAW", error
    return "proven", None


def described(pipeline: Any) -> str:
    """Return a pipeline's repr in one line."""
    shown = pipeline.__repr__(N_CHAR_MAX=4000) if isinstance(pipeline, BaseEstimator) else repr(pipeline)
    return re.sub(r"\s+", " ", shown)


def class_names(pipeline: Any) -> tuple[str, ...]:
    """Return the names of the classes in a pipeline, sorted."""
    return tuple(sorted({type(step.estimator).__name__ for step in fitted_steps(pipeline)}))


def _step(error: BaseException | None) -> str:
    if isinstance(error, NotProvenError):
        steps = dict.fromkeys(row.step for row in error.report.worst_rows if row.step)
        return ", ".join(steps)
    return str(getattr(error, "step", ""))


def _short(error: BaseException | None) -> str:
    if error is None:
        return ""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, TrainingError) else f"{type(error).__name__}: "
    return f"{kind}{text}" if len(text) <= WORDS else f"{kind}{text[: WORDS - 1]}…"


def _place(error: BaseException | None) -> str:
    frames = traceback.extract_tb(error.__traceback__) if error else []
    own = [frame for frame in frames if "/training/" in frame.filename or "/bundle/" in frame.filename] or list(frames)
    return f"{'/'.join(own[-1].filename.split('/')[-3:])}:{own[-1].lineno}" if own else ""


def _trace(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)[-25:]) if error else ""


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _cpu_limit(seconds: float) -> Iterator[None]:
    """Raise a ``HangError`` after a time of the processor; only in the main thread, where signals arrive."""

    def ended(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"it took more than {seconds} s of the processor")

    before = signal.signal(signal.SIGPROF, ended)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
