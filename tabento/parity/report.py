"""The report of the proof: the content of ``parity.json``, and the error of a graph with other answers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tabento.bundle.contract import ExtensibleModel, Strict
from tabento.bundle.numbers import number_text, value_text
from tabento.errors import TabentoError

ReportedAnswer = str | bool | int | float
"""An answer in a report: a number, a class's label or a probability."""


class Limits(Strict):
    """The largest differences of graph and pipeline that are allowed."""

    relative: float = Field(default=1e-9, gt=0)
    """The largest relative difference: additions in another order stay below it, another branch does not."""
    probability: float = Field(default=1e-9, gt=0)
    """The largest difference of a probability."""
    other_branches: int | None = Field(default=0, ge=0)
    """The largest number of rows on another branch; None: any number."""
    label_flips: int | None = Field(default=0, ge=0)
    """The largest number of rows with another label; None: any number."""
    undecided_share: float | None = Field(default=0.001, ge=0)
    """The largest share of undecided test rows; None: any share."""
    undecided_hostile_share: float | None = Field(default=0.01, ge=0)
    """The same share of the hostile rows, which are made to be on edges."""
    cancelled_share: float | None = Field(default=0.05, ge=0)
    """The largest share of cancelled test rows; None: any share. The hostile rows have the largest numbers, so more of them
    cancel; each of them is limited by the differences of scikit-learn's own answers."""
    knife_edges: int | None = Field(default=0, ge=0)
    """The largest number of knife edges among the test rows; None: any number."""


class WorstRow(Strict):
    """One of the rows on which pipeline and graph differ most."""

    part: str
    """The name of the part of the proof, see ``ParityPart``."""
    row: dict[str, str | float | None]
    """The values that a client would send, by the feature's name."""
    answer: str
    """The part of the answer that differs: ``prediction``, ``label``, ``probability of …``, ``branch`` if only the branches of
    the trees differ, or ``error`` if the pipeline raises an error."""
    pipeline: ReportedAnswer
    """The fitted pipeline's answer."""
    onnx: ReportedAnswer
    """The graph's answer."""
    relative: float
    """The difference over the scale, see ``ParityReport.typical``; 1 for another label."""
    step: str = ""
    """The first step of the pipeline at which both differ; empty if it was not searched for."""
    cause: str = ""
    """The value of the step on both sides, or another cause."""


class ParityPart(Strict):
    """One kind of rows."""

    name: str
    """``test``, ``thresholds``, ``derived_thresholds``, ``edges``, ``mixed``, ``boundary`` or ``unknown_categories``."""
    rows: int
    """The number of compared rows."""
    undecided: int = 0
    """The number of undecided rows among them, see ``ParityReport``; they are not in any other number."""
    cancelled: int = 0
    """The number of cancelled rows among them, see ``ParityReport``; they are not in any other number."""
    worst_cancelled: float = 0.0
    """The largest relative difference of the cancelled rows."""
    knife_edges: int = 0
    """The number of knife edges among them, see ``ParityReport``; they are not in any other number."""
    raised: int = 0
    """The number of rows on which the pipeline raises an error, but which the service would answer; they are not in ``rows``."""
    worst_absolute: float
    """The largest difference, in the target's unit; for a classification, of a probability."""
    worst_relative: float
    """The largest difference over the scale, see ``ParityReport.typical``."""
    beyond_share: float
    """The share of rows whose relative difference is above the limit."""
    beyond_rounding_share: float = 0.0
    """The share of rows that differ by more than one unit in the last place of the type in which the pipeline answers."""
    other_branches: int = 0
    """The number of rows that take another branch in at least one tree."""
    label_flips: int = 0
    """The number of rows that get another label."""


class BatchParity(Strict):
    """Rows in batches of one size against the same rows alone, both in the graph."""

    size: int
    """The number of rows in a batch."""
    bit_equal: bool
    """Whether every row got exactly the same double."""
    worst_relative: float
    """The largest difference over the scale, see ``ParityReport.typical``."""


class ParityReport(ExtensibleModel):
    """The content of ``parity.json``.

    A row is *undecided* if scikit-learn itself has more than one answer to it. Linear algebra adds in an order that depends on
    the number of rows in the batch, and the last bit decides a branch or a label. scikit-learn predicts each such row again,
    alone and in batches of many sizes; the graph's answer is one of these predictions.

    A row is a *knife edge* if it gets another label because it is on the boundary of a classifier's decision:
    scikit-learn itself gives the graph's answer if each number of the row changes by at most 1e-9 of its size, and no
    score jumps there. The shares of undecided rows and knife edges are limited.

    A row is *cancelled* if its numbers differ by more than the limit, but only by rounding: large terms cancel, and
    scikit-learn's own answers differ nearly as much between batches. The share of the test rows is limited as well. All
    three kinds are counted separately.

    The counts of all three kinds are lower bounds: of the rows that differ, a small sample is tested first, and the others only
    if no row of the sample is wrong. Rows that were not tested count as wrong.
    """

    later_keys = ("other_intervals",)

    limit: float = Field(gt=0)
    """The largest relative difference allowed."""
    limits: Limits = Limits()
    """All limits as they were applied."""
    rows: int
    """The number of compared rows, over all parts."""
    typical: tuple[float, ...] = ()
    """The mean magnitude of the pipeline's answers on the test part, one number per column of the answer. Differences are
    divided by the largest of both answers and this magnitude, so that they stay small for answers near zero."""
    worst_absolute: float
    """The largest difference over all parts, in the target's unit; for a classification, of a probability."""
    worst_relative: float
    """The largest relative difference, over all parts and batches."""
    beyond_share: float
    """The share of rows, over all parts, whose relative difference is above the limit."""
    answer_type: str = "float64"
    """The type in which the pipeline answers numbers."""
    beyond_rounding_share: float = 0.0
    """The share of rows that differ by more than one unit in the last place of that type."""
    ensembles: int = 0
    """The number of ensembles of trees that were compared leaf by leaf."""
    trees: int = 0
    """The number of trees in these ensembles."""
    unread_ensembles: tuple[str, ...] = ()
    """The steps whose trees were compared by their answers only, because the library does not return the leaf of a row."""
    other_branches: int = 0
    """The number of rows that take another branch in at least one tree, without undecided rows."""
    other_branch_share: float = 0.0
    """The share of these rows."""
    classification: bool = False
    """Whether labels were compared."""
    label_flips: int = 0
    """The number of rows that get another label, without undecided rows."""
    worst_probability: float | None = None
    """The largest difference of a probability; None if the graph answers no probabilities."""
    other_intervals: int | None = None
    """The number of rows that get another prediction interval or prediction set, without undecided, cancelled and knife-edge rows;
    None if answers have neither. No such row is allowed."""
    undecided: int = 0
    """The number of undecided rows."""
    cancelled: int = 0
    """The number of cancelled rows."""
    worst_cancelled: float = 0.0
    """The largest relative difference of the cancelled rows."""
    knife_edges: int = 0
    """The number of knife edges."""
    largest_knife_edge: float = 0.0
    """The largest distance at which scikit-learn gives the graph's answer to a knife edge, relative to the row's numbers."""
    raised: int = 0
    """The number of rows on which the pipeline raises an error, although the contract allows them and the service would
    answer them."""
    raised_by_both: int = 0
    """The number of rows on which the pipeline raises an error and the service answers with an error, because the graph's
    answer is not a finite number."""
    single_precision: tuple[str, ...] = ()
    """The graph's operators with float32 outputs, because there is no double kernel or because the pipeline's own library
    computes in float32. If there are any, the limits are at least 1e-5."""
    refused: tuple[str, ...] = ()
    """The kinds of rows that were not compared, because the service refuses them before the graph runs."""
    parts: tuple[ParityPart, ...]
    """The kinds of compared rows."""
    alone: int = 0
    """The number of rows that were answered one at a time."""
    batches: tuple[BatchParity, ...]
    """The results for each batch size."""
    worst_rows: tuple[WorstRow, ...]
    """The rows that differ most, worst first; empty if all answers are equal."""

    def table(self) -> str:
        """Return the worst rows as lines of text, one row each."""
        lines = [f"{'part':<20}{'answer':<16}{'pipeline':>24}{'onnx':>24}{'relative':>12}  step; row"]
        for worst in self.worst_rows:
            values = ", ".join(f"{name}={value_text(value)}" for name, value in worst.row.items())
            where = f"{worst.step} ({worst.cause})" if worst.cause else worst.step or "?"
            lines.append(
                f"{worst.part:<20}{worst.answer:<16}{_answer_text(worst.pipeline):>24}{_answer_text(worst.onnx):>24}"
                f"{worst.relative:>12.3g}  {where}; {values}"
            )
        return "\n".join(lines)

    def excesses(self) -> list[str]:
        """Return a sentence for each limit that is exceeded; empty if the graph can be served."""
        excesses = []
        if not self.worst_relative <= self.limits.relative:
            excesses.append(
                f"differences within {number_text(self.limits.relative)} relative, got {number_text(self.worst_relative)} at worst and"
                f" {self.beyond_share:.3%} of {self.rows} rows beyond"
            )
        if self.limits.other_branches is not None and self.other_branches > self.limits.other_branches:
            excesses.append(f"at most {self.limits.other_branches} rows on another branch, got {self.other_branches}")
        if self.limits.label_flips is not None and self.label_flips > self.limits.label_flips:
            excesses.append(f"at most {self.limits.label_flips} other labels, got {self.label_flips}")
        if self.worst_probability is not None and not self.worst_probability <= self.limits.probability:
            excesses.append(
                f"probabilities within {number_text(self.limits.probability)}, got {number_text(self.worst_probability)} at worst"
            )
        if self.other_intervals:
            excesses.append(f"the same prediction intervals or sets, got another one for {self.other_intervals} rows")
        if self.raised:
            excesses.append(
                f"no answer where the pipeline has none, got one for {self.raised} rows that the contract takes and on"
                " which the pipeline raises an error (narrow the contract: `nullable: false`, `minimum`, `maximum`,"
                " `categories`)"
            )
        return excesses + self._separate_excesses()

    def undecided_shares(self) -> tuple[float, float]:
        """Return the shares of the test rows and of the hostile rows that are undecided."""
        test = [part for part in self.parts if part.name == "test"]
        hostile = [part for part in self.parts if part.name != "test"]
        return _undecided_share(test), _undecided_share(hostile)

    def differs_only_at_thresholds(self) -> bool:
        """Return True if the only rows on other branches are next to a threshold, to the last digits."""
        names = {part.name for part in self.parts if part.other_branches}
        return bool(names) and names <= {"derived_thresholds", "boundary"}

    def test_cancelled_share(self) -> float:
        """Return the share of the test rows that are cancelled."""
        test = [part for part in self.parts if part.name == "test"]
        return sum(part.cancelled for part in test) / max(sum(part.rows for part in test), 1)

    def test_knife_edges(self) -> int:
        """Return the number of knife edges among the test rows."""
        return sum(part.knife_edges for part in self.parts if part.name == "test")

    def _separate_excesses(self) -> list[str]:
        """Return a sentence for each kind of separately counted rows with too many rows."""
        excesses = []
        limits = (self.limits.undecided_share, self.limits.undecided_hostile_share)
        kinds = ("the test rows", "the hostile rows")
        for limit, share, kind in zip(limits, self.undecided_shares(), kinds, strict=True):
            if limit is not None and share > limit:
                excesses.append(
                    f"at most {limit:.3%} of {kind} undecided, got {share:.3%}, which scikit-learn answers in another way"
                    " in another batch"
                )
        share, maximum = self.test_cancelled_share(), self.limits.cancelled_share
        if maximum is not None and share > maximum:
            excesses.append(
                f"at most {maximum:.3%} of the test rows with large terms that cancel, got {share:.3%} (put a StandardScaler"
                " before the model)"
            )
        if self.limits.knife_edges is not None and self.test_knife_edges() > self.limits.knife_edges:
            excesses.append(
                f"at most {self.limits.knife_edges} test rows on a knife edge, got {self.test_knife_edges()}"
            )
        return excesses


def _undecided_share(parts: Sequence[ParityPart]) -> float:
    return sum(part.undecided for part in parts) / max(sum(part.rows for part in parts), 1)


_AT_THRESHOLDS = (
    "All rows on other branches are next to a threshold, to the last digits. If a step before the trees adds products, the"
    " order of its sums depends on the computer: give the trees the columns themselves, or use a linear model instead of the"
    " trees."
)


class ParityError(TabentoError):
    """The graph does not answer what the pipeline answers. ``report`` is the complete report."""

    def __init__(self, report: ParityReport) -> None:
        sizes = ", ".join(str(batch.size) for batch in report.batches if batch.worst_relative > report.limit)
        steps = list(dict.fromkeys(worst.step for worst in report.worst_rows if worst.step))
        super().__init__(
            "expected the ONNX graph to answer what the pipeline answers: "
            + "; ".join(report.excesses())
            + "."
            + (f" Rows differ between alone and in batches of {sizes}." if sizes else "")
            + (f" They first differ at step {', '.join(map(repr, steps))}." if steps else "")
            + (f" {_AT_THRESHOLDS}" if report.differs_only_at_thresholds() else "")
            + f" The graph is not exact: do not serve it. The worst rows:\n{report.table()}"
        )
        self.report = report


def _answer_text(value: ReportedAnswer) -> str:
    return value_text(value)
