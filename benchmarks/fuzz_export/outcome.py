"""The outcome of a composition."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Outcome = Literal["proven", "refused", "told", "not proven", "RAW", "not fitted"]
MEANINGS: dict[Outcome, str] = {
    "proven": "exported, and the proof found the graph equal",
    "refused": "the export names the step, the reason and what can be exported instead",
    "told": "the import refuses a column, a target or an answer that cannot be served",
    "not proven": "exported, and stopped by the proof: no bundle is stored",
    "RAW": "an error of another kind, a hang or the end of the process: a bug",
    "not fitted": "no draw of this number could be fitted: scikit-learn itself raised each time",
}


class Result(BaseModel):
    """The outcome of one composition."""

    number: int
    outcome: Outcome
    words: str = ""
    """The message, in one line."""
    step: str = ""
    """The step in the message, as a path."""
    pipeline: str = ""
    """The pipeline in one line."""
    place: str = ""
    """File and line of an error of another kind."""
    trace: str = ""
    """Traceback of an error of another kind."""
    classes: tuple[str, ...] = ()
    """The classes in the pipeline."""
    redraws: int = 0
    """The number of draws before this one that could not be fitted."""
    seconds: float = 0.0
