"""The judge's result for one pipeline: the content of its JSON file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from tabento.bundle.contract import Strict

Outcome = Literal["equal", "knife edge", "LIE", "refused", "not proven", "raw error", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("equal", "knife edge", "LIE", "refused", "not proven", "raw error", "skipped")


class Finding(Strict):
    """One row on which graph and scikit-learn differ."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    kind: Literal["answer", "label", "raises", "graph raises"]
    """A number or probability differs, a label differs, only scikit-learn raises, or only the graph raises."""
    rows: str
    """The kind of the row."""
    row: dict[str, Any]
    """The row as a client would send it."""
    expected: list[float] | str
    """scikit-learn's answer, or its error."""
    got: list[float] | str
    """The graph's answer, or its error."""


class Judgement(Strict):
    """Graph against scikit-learn."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    rows: int
    """The number of compared rows."""
    kinds: dict[str, int]
    """The number of rows of each kind."""
    differing: int = 0
    """Rows whose answers differ."""
    asked_again: int = 0
    """The number of differing rows that scikit-learn predicted again."""
    wrong: int = 0
    """Of the rows predicted again: rows on which scikit-learn gives one answer and the graph another."""
    undecided: int = 0
    """Of the rows predicted again: rows on which scikit-learn's own answers differ."""
    knife_edges: int = 0
    """Of the rows predicted again: rows with another label whose decision is within rounding of 0."""
    raises: int = 0
    """Rows that the contract accepts, on which scikit-learn raises and the graph answers."""
    both_refuse: int = 0
    """Rows on which scikit-learn raises or gives no finite number, and the graph's answer cannot be served."""
    worst: float = 0.0
    """The largest difference of all rows that are decided: relative for numbers, absolute for probabilities."""
    boundaries: int = 0
    """The number of pairs of neighbours with different answers that the bisection found."""
    single_precision: bool = False
    """Whether the limit was float32's rounding, because the pipeline computes in float32."""
    findings: tuple[Finding, ...] = ()
    """A sample of the wrong rows."""

    @property
    def lies(self) -> bool:
        """Whether at least one row is wrong."""
        return bool(self.wrong or self.raises)


class Result(Strict):
    """The outcome of one pipeline of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    name: str
    group: str
    outcome: Outcome
    words: str = ""
    """The reason of a refusal, of a missing proof or of a skip; or the error."""
    step: str = ""
    """The step in the message of a refusal."""
    judgement: Judgement | None = None
    classes: tuple[str, ...] = ()
    """The names of the classes in the pipeline."""
    seconds: dict[str, float] = {}
    """The duration of fitting, importing and judging."""
