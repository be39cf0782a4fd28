"""One composition: it is drawn, fitted, imported and proven, and an error becomes an outcome."""

from __future__ import annotations

import pickle
import re
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.error_text import raising_line, shorten
from benchmarks.fuzz_export.compose import Composer
from benchmarks.fuzz_export.draw import Draw
from benchmarks.fuzz_export.outcome import Outcome, Result
from benchmarks.fuzz_export.tables import Table, draw_table
from benchmarks.import_way import NotProvenError, import_pipeline
from tabento.adopt.contract_check import without_warnings
from tabento.adopt.fitted_steps import fitted_steps
from tabento.errors import TabentoError
from tabento.export.errors import ExportError

CPU_SECONDS = 60
"""The processor time after which an import is a hang."""
FIT_CPU_SECONDS = 15
"""The processor time of a fit after which the composition is drawn again."""
REDRAWS_MAX = 30
"""The maximum number of draws of a composition that cannot be fitted."""
PROOF_ROWS = 300
"""The approximate number of rows that the proof compares."""
WORDS = 500
"""The maximum length of a message."""


@dataclass(frozen=True)
class FittedComposition:
    """A composition that could be fitted."""

    pipeline: Any
    table: Table
    redraws: int


class HangError(BaseException):
    """The time limit was exceeded. No ``except Exception`` of the import catches this error."""


def attempt(seed: int, number: int, proof_rows: int | None = PROOF_ROWS) -> Result:
    """Draw, fit and import the composition of a number.

    Args:
        seed: the run's seed.
        number: the number of the composition; the same seed and number give the same composition.
        proof_rows: the approximate number of rows that the proof compares.
    """
    started_s = time.process_time()
    with without_warnings():
        composition = fit(seed, number)
        if composition is None:
            return Result(number=number, outcome="not fitted", redraws=REDRAWS_MAX)
        outcome, error = import_outcome(composition, proof_rows)
    return Result(
        number=number,
        outcome=outcome,
        words=_short_message(error),
        step=_step(error),
        pipeline=pipeline_text(composition.pipeline),
        place=raising_line(error) if outcome == "RAW" and error else "",
        trace=_trace(error) if outcome == "RAW" else "",
        classes=class_names(composition.pipeline),
        redraws=composition.redraws,
        seconds=round(time.process_time() - started_s, 2),
    )


def fit(seed: int, number: int) -> FittedComposition | None:
    """Draw compositions of a number until fit and pickle succeed. Return None if no draw succeeds."""
    for redraw in range(REDRAWS_MAX):
        draw = Draw(np.random.default_rng([seed, number, redraw]))
        table = draw_table(draw)
        try:
            with _cpu_limit(FIT_CPU_SECONDS):
                # Steps without a seed of their own use this generator.
                np.random.seed(draw.seed())
                pipeline = Composer(draw, table).pipeline()
                pipeline.fit(table.data) if table.target is None else pipeline.fit(table.data, table.target)
                pipeline.predict(table.data)
                pickle.dumps(pipeline)
        except (Exception, HangError):  # noqa: S112  # scikit-learn itself raises: the composition is drawn again
            continue
        return FittedComposition(pipeline, table, redraw)
    return None


def import_outcome(
    composition: FittedComposition, proof_rows: int | None = PROOF_ROWS
) -> tuple[Outcome, BaseException | None]:
    """Import a fitted composition. Return the outcome and the error."""
    table = composition.table
    sample = table.frame.copy()
    sample.columns = [str(name) for name in sample.columns]
    try:
        with _cpu_limit(CPU_SECONDS):
            import_pipeline(composition.pipeline, sample, proof_rows=proof_rows, columns_from_sample=not table.header)
    except NotProvenError as error:
        return "not proven", error
    except ExportError as error:
        return "refused", error
    except TabentoError as error:
        return "told", error
    except (Exception, HangError) as error:
        return "RAW", error
    return "proven", None


def pipeline_text(pipeline: Any) -> str:
    """Return a pipeline's repr in one line."""
    text = pipeline.__repr__(N_CHAR_MAX=4000) if isinstance(pipeline, BaseEstimator) else repr(pipeline)
    return re.sub(r"\s+", " ", text)


def class_names(pipeline: Any) -> tuple[str, ...]:
    """Return the names of the classes in a pipeline, sorted."""
    return tuple(sorted({type(step.estimator).__name__ for step in fitted_steps(pipeline)}))


def _step(error: BaseException | None) -> str:
    if isinstance(error, NotProvenError):
        steps = dict.fromkeys(row.step for row in error.report.worst_rows if row.step)
        return ", ".join(steps)
    return str(getattr(error, "step", ""))


def _short_message(error: BaseException | None) -> str:
    if error is None:
        return ""
    kind = "" if isinstance(error, TabentoError) else f"{type(error).__name__}: "
    return kind + shorten(str(error), WORDS)


def _trace(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)[-25:]) if error else ""


@contextmanager
def _cpu_limit(seconds: float) -> Iterator[None]:
    """Raise a ``HangError`` after a limit of processor time. It works only in the main thread, which receives signals."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"it took more than {seconds} s of the processor")

    previous_handler = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous_handler)
