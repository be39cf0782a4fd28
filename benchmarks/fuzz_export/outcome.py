"""What became of a composition."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Outcome = Literal["proven", "refused", "told", "not proven", "RAW", "not fitted"]
MEANINGS: dict[Outcome, str] = {
    "proven": "exported, and the proof found the graph equal",
    "refused": "the export names the step, the reason and what can be exported instead",
    "told": "the import says in words what cannot be served: a column, a target, an answer",
    "not proven": "exported, and stopped by the proof: nothing is stored",
    "RAW": "an error of another kind, a hang or the end of the process: a fault",
    "not fitted": "no draw of this number could be fitted: scikit-learn itself raised each time",
}


class Result(BaseModel):
    """The outcome of one composition."""

    number: int
    outcome: Outcome
    words: str = ""
    """What was said, in one line."""
    step: str = ""
    """The step that is named, as a path."""
    pipeline: str = ""
    """The pipeline in one line."""
    place: str = ""
    """Of a fault: file and line."""
    trace: str = ""
    """Of a fault: the traceback."""
    classes: tuple[str, ...] = ()
    """The classes in the pipeline."""
    redraws: int = 0
    """How many draws could not be fitted before this one."""
    seconds: float = 0.0
