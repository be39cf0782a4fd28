"""What the judge finds out about one pipeline; the content of its JSON file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from bundle.contract import Strict

Outcome = Literal["equal", "knife edge", "LIE", "refused", "not proven", "raw error", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("equal", "knife edge", "LIE", "refused", "not proven", "raw error", "skipped")


class Finding(Strict):
    """One row on which graph and scikit-learn differ."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    kind: Literal["answer", "label", "raises", "graph raises"]
    """A number or probability differs, a label differs, scikit-learn raises and the graph answers, or the other way."""
    rows: str
    """The kind of rows it is of."""
    row: dict[str, Any]
    """As a client would send it."""
    expected: list[float] | str
    """scikit-learn's answer, or its error."""
    got: list[float] | str
    """The graph's."""


class Judgement(Strict):
    """Graph against scikit-learn."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    rows: int
    """How many rows were compared."""
    kinds: dict[str, int]
    """How many of each kind."""
    differing: int = 0
    """Rows whose answers differ."""
    asked_again: int = 0
    """How many of them scikit-learn was asked about again."""
    wrong: int = 0
    """Of these, the rows on which scikit-learn is of one mind and the graph says something else."""
    undecided: int = 0
    """Of these, the rows on which scikit-learn does not agree with itself."""
    knife_edges: int = 0
    """Of these, the rows with another label whose decision is within rounding of 0."""
    raises: int = 0
    """Rows on which scikit-learn raises and the graph answers, though the contract takes them."""
    both_refuse: int = 0
    """Rows on which scikit-learn raises, or answers no finite number, and the graph gives no answer that is served."""
    worst: float = 0.0
    """The largest difference of the rows that are not undecided: relative for numbers, absolute for probabilities."""
    boundaries: int = 0
    """How many pairs of neighbours with different answers the bisection found."""
    single_precision: bool = False
    """Whether it was compared to float32's rounding, because the pipeline computes in float32."""
    findings: tuple[Finding, ...] = ()
    """Some wrong rows."""

    @property
    def lies(self) -> bool:
        """Whether any row is wrong."""
        return bool(self.wrong or self.raises)


class Result(Strict):
    """All that is known of one pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    name: str
    group: str
    outcome: Outcome
    words: str = ""
    """Why it was refused, not proven, skipped, or the error."""
    step: str = ""
    """The step that a refusal names."""
    judgement: Judgement | None = None
    classes: tuple[str, ...] = ()
    """The names of the classes of which the pipeline is made."""
    seconds: dict[str, float] = {}
    """How long fitting, importing and judging took."""
