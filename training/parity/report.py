"""What the proof of parity found: the content of ``parity.json``, and the error that shows where a graph strays."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from bundle.contract import Strict
from bundle.numbers import number_text, value_text
from training.errors import TrainingError

Shown = str | bool | int | float
"""An answer in a report: a number, a class's label or a probability."""


class Limits(Strict):
    """How far graph and pipeline may be apart."""

    relative: float = Field(default=1e-9, gt=0)
    """Worst relative difference: additions in another order stay below it, another branch does not."""
    probability: float = Field(default=1e-9, gt=0)
    """Worst difference of a probability."""
    other_branches: int | None = Field(default=0, ge=0)
    """How many rows may take another branch; None: any number."""
    label_flips: int | None = Field(default=0, ge=0)
    """How many rows may get another label; None: any number."""
    undecided_share: float | None = Field(default=0.001, ge=0)
    """Which share of the test rows may be undecided; None: any share."""
    undecided_hostile_share: float | None = Field(default=0.01, ge=0)
    """The same of the hostile rows, which are made to lie on edges."""
    cancelled_share: float | None = Field(default=0.05, ge=0)
    """Which share of the test rows may be cancelled; None: any share. Hostile rows are made of the largest numbers, of
    which more cancel; each of them is limited by what scikit-learn's own answers differ by."""
    knife_edges: int | None = Field(default=0, ge=0)
    """How many of the test rows may be knife edges; None: any number."""


class WorstRow(Strict):
    """A row on which the two differ most."""

    part: str
    """The part of the proof that it belongs to."""
    row: dict[str, str | float | None]
    """What a client would send, by the feature's name."""
    answer: str
    """Which part of the answer differs: ``prediction``, ``label``, ``probability of …``, ``branch`` if only the way
    through the trees is another one, or ``error`` if the pipeline raises one."""
    pipeline: Shown
    """The fitted pipeline's answer."""
    onnx: Shown
    """The graph's answer."""
    relative: float
    """Their difference over the scale, see ``ParityReport.typical``; 1 for another label."""
    step: str = ""
    """The step of the pipeline at which the two first part ways; empty where it was not looked for."""
    cause: str = ""
    """What the step's value is on both sides, or what else is wrong."""


class ParityPart(Strict):
    """One kind of rows."""

    name: str
    """``test``, ``thresholds``, ``derived_thresholds``, ``edges``, ``mixed``, ``boundary`` or ``unknown_categories``."""
    rows: int
    """How many rows were compared."""
    undecided: int = 0
    """How many of them the pipeline itself does not answer in one way; they are in no other figure."""
    cancelled: int = 0
    """How many of them differ by rounding, because large terms cancel; they are in no other figure."""
    worst_cancelled: float = 0.0
    """Largest relative difference of those."""
    knife_edges: int = 0
    """How many of them lie on the boundary of a classifier's decision and get the label of its other side; they are in no
    other figure. See ``ParityReport``."""
    raised: int = 0
    """How many more rows the pipeline raises an error on, and the service would answer; they are not in ``rows``."""
    worst_absolute: float
    """Largest difference, in the target's unit; for a classification, of a probability."""
    worst_relative: float
    """Largest difference over the scale, see ``ParityReport.typical``."""
    beyond_share: float
    """The share of rows whose relative difference is above the limit."""
    beyond_rounding_share: float = 0.0
    """The share of rows that differ by more than one unit in the last place of the type in which the pipeline answers."""
    other_branches: int = 0
    """How many rows take another branch in at least one tree."""
    label_flips: int = 0
    """How many rows get another label."""


class BatchParity(Strict):
    """Rows in a batch against the same rows alone, both in the graph."""

    size: int
    """How many rows a batch has."""
    bit_equal: bool
    """Whether every row got the very same double."""
    worst_relative: float
    """Largest difference over the scale, see ``ParityReport.typical``."""


class ParityReport(Strict):
    """The content of ``parity.json``.

    A row is *undecided* if scikit-learn itself does not answer it in one way: linear algebra adds up in an order that
    depends on how many rows come together, and the last bit that this changes decides a branch or a label. scikit-learn
    is asked again about each such row, alone and in batches of many sizes; the graph's answer is one of its own.

    A row is a *knife edge* if it gets another label because it lies on the boundary of a classifier's decision:
    scikit-learn itself gives the graph's answer when each number of the row moves by at most 1e-9 of its size, and no
    score jumps there. The share of both kinds is limited.

    A row is *cancelled* if its numbers differ by more than the limit, but only as rounding does: large terms cancel, and
    scikit-learn's own answers differ nearly as much between batches. The share of the test rows is limited, too. All three
    kinds are counted apart.

    The counts of all three are at least that many: rows that differ are asked about again a few first, and the others only
    if none of those is wrong. What was not asked about counts as wrong.
    """

    limit: float = Field(gt=0)
    """The largest relative difference allowed."""
    limits: Limits = Limits()
    """All limits as they were applied."""
    rows: int
    """How many rows were compared, over all parts."""
    typical: tuple[float, ...] = ()
    """The mean magnitude of the pipeline's answers on the test part, one figure per column of the answer. Differences are
    relative to the largest of the two answers and this, so that an answer near zero does not blow them up."""
    worst_absolute: float
    """Largest difference over all parts, in the target's unit; for a classification, of a probability."""
    worst_relative: float
    """Largest relative difference, over all parts and batches."""
    beyond_share: float
    """The share of rows, over all parts, whose relative difference is above the limit."""
    answer_type: str = "float64"
    """The type in which the pipeline answers numbers."""
    beyond_rounding_share: float = 0.0
    """The share of rows that differ by more than one unit in the last place of that type."""
    ensembles: int = 0
    """How many ensembles of trees were compared leaf by leaf."""
    trees: int = 0
    """How many trees they have."""
    unread_ensembles: tuple[str, ...] = ()
    """Steps whose trees were compared by their answers only, because the library does not tell which leaf it reaches."""
    other_branches: int = 0
    """How many rows take another branch in at least one tree, undecided ones not counted."""
    other_branch_share: float = 0.0
    """The share of such rows."""
    classification: bool = False
    """Whether labels were compared."""
    label_flips: int = 0
    """How many rows get another label, undecided ones not counted."""
    worst_probability: float | None = None
    """Largest difference of a probability; None where the graph answers none."""
    undecided: int = 0
    """How many rows scikit-learn itself does not answer in one way."""
    cancelled: int = 0
    """How many rows are cancelled."""
    worst_cancelled: float = 0.0
    """Largest relative difference of those."""
    knife_edges: int = 0
    """How many rows are knife edges."""
    largest_knife_edge: float = 0.0
    """How far the farthest of them is from where scikit-learn gives the graph's answer, relative to the row's numbers."""
    raised: int = 0
    """How many rows the pipeline raises an error on, although the contract takes them and the service would answer."""
    raised_by_both: int = 0
    """How many rows the pipeline raises an error on and the service answers with one, because the graph's answer is not
    a finite number."""
    single_precision: tuple[str, ...] = ()
    """The graph's operators that give float32, because there is no double kernel or because the pipeline's own library
    computes so; where there are any, the limits are at least 1e-5."""
    refused: tuple[str, ...] = ()
    """What was not compared because the service refuses it before the graph sees it."""
    parts: tuple[ParityPart, ...]
    """The kinds of rows that were tried."""
    alone: int = 0
    """How many rows were asked about one by one."""
    batches: tuple[BatchParity, ...]
    """The batch sizes that were tried."""
    worst_rows: tuple[WorstRow, ...]
    """The rows that differ most, worst first; none where all answers are equal."""

    def table(self) -> str:
        """Return the worst rows as lines of text, one row each."""
        lines = [f"{'part':<20}{'answer':<16}{'pipeline':>24}{'onnx':>24}{'relative':>12}  step; row"]
        for worst in self.worst_rows:
            values = ", ".join(f"{name}={value_text(value)}" for name, value in worst.row.items())
            where = f"{worst.step} ({worst.cause})" if worst.cause else worst.step or "?"
            lines.append(
                f"{worst.part:<20}{worst.answer:<16}{_figure(worst.pipeline):>24}{_figure(worst.onnx):>24}"
                f"{worst.relative:>12.3g}  {where}; {values}"
            )
        return "\n".join(lines)

    def excesses(self) -> list[str]:
        """Return what is above its limit, in words; empty where the graph may be served."""
        found = []
        if not self.worst_relative <= self.limits.relative:
            found.append(
                f"differences within {number_text(self.limits.relative)} relative, got {number_text(self.worst_relative)} at worst and"
                f" {self.beyond_share:.3%} of {self.rows} rows beyond"
            )
        if self.limits.other_branches is not None and self.other_branches > self.limits.other_branches:
            found.append(f"at most {self.limits.other_branches} rows on another branch, got {self.other_branches}")
        if self.limits.label_flips is not None and self.label_flips > self.limits.label_flips:
            found.append(f"at most {self.limits.label_flips} other labels, got {self.label_flips}")
        if self.worst_probability is not None and not self.worst_probability <= self.limits.probability:
            found.append(
                f"probabilities within {number_text(self.limits.probability)}, got {number_text(self.worst_probability)} at worst"
            )
        if self.raised:
            found.append(
                f"no answer where the pipeline has none, got one for {self.raised} rows that the contract takes and on"
                " which the pipeline raises an error (narrow the contract: `nullable: false`, `minimum`, `maximum`,"
                " `categories`)"
            )
        return found + self._excess_apart()

    def undecided_shares(self) -> tuple[float, float]:
        """Return the shares of the test rows and of the hostile rows that are undecided."""
        test = [part for part in self.parts if part.name == "test"]
        hostile = [part for part in self.parts if part.name != "test"]
        return _undecided_share(test), _undecided_share(hostile)

    def strays_beside_thresholds(self) -> bool:
        """Say whether rows take other branches only where a threshold was approached to the last digits."""
        found = {part.name for part in self.parts if part.other_branches}
        return bool(found) and found <= {"derived_thresholds", "boundary"}

    def test_cancelled_share(self) -> float:
        """Return the share of the test rows that are cancelled."""
        test = [part for part in self.parts if part.name == "test"]
        return sum(part.cancelled for part in test) / max(sum(part.rows for part in test), 1)

    def test_knife_edges(self) -> int:
        """Return how many of the test rows are knife edges."""
        return sum(part.knife_edges for part in self.parts if part.name == "test")

    def _excess_apart(self) -> list[str]:
        """Return in words which rows that are counted apart are too many."""
        found = []
        limits = (self.limits.undecided_share, self.limits.undecided_hostile_share)
        kinds = ("the test rows", "the hostile rows")
        for limit, share, kind in zip(limits, self.undecided_shares(), kinds, strict=True):
            if limit is not None and share > limit:
                found.append(
                    f"at most {limit:.3%} of {kind} undecided, got {share:.3%}, which scikit-learn answers in another way"
                    " in another batch"
                )
        share, most = self.test_cancelled_share(), self.limits.cancelled_share
        if most is not None and share > most:
            found.append(
                f"at most {most:.3%} of the test rows with large terms that cancel, got {share:.3%} (put a StandardScaler"
                " in front)"
            )
        if self.limits.knife_edges is not None and self.test_knife_edges() > self.limits.knife_edges:
            found.append(f"at most {self.limits.knife_edges} test rows on a knife edge, got {self.test_knife_edges()}")
        return found


def _undecided_share(parts: Sequence[ParityPart]) -> float:
    return sum(part.undecided for part in parts) / max(sum(part.rows for part in parts), 1)


_BESIDE_THRESHOLDS = (
    "All rows on other branches lie beside a threshold, to the last digits. If the trees stand behind a step that adds"
    " products up, the order of its sums hangs on the machine: let the trees see the columns themselves, or take a linear"
    " model in place of the trees."
)


class ParityError(TrainingError):
    """The graph does not answer what the pipeline answers. ``report`` has the figures."""

    def __init__(self, report: ParityReport) -> None:
        apart = ", ".join(str(batch.size) for batch in report.batches if batch.worst_relative > report.limit)
        steps = list(dict.fromkeys(worst.step for worst in report.worst_rows if worst.step))
        super().__init__(
            "expected the ONNX graph to answer what the pipeline answers: "
            + "; ".join(report.excesses())
            + "."
            + (f" Rows differ between alone and in batches of {apart}." if apart else "")
            + (f" They first part ways at step {', '.join(map(repr, steps))}." if steps else "")
            + (f" {_BESIDE_THRESHOLDS}" if report.strays_beside_thresholds() else "")
            + f" The bundle is not saved. The worst rows:\n{report.table()}"
        )
        self.report = report


def _figure(value: Shown) -> str:
    return value_text(value)
