"""The table of latencies, and how far its figures can be trusted."""

from __future__ import annotations

from typing import Literal

from tabento.bundle.contract import Strict

SLOWDOWN_MAX = 2.0
"""The largest ratio of a run's processor time on a disturbed machine to its time on a quiet machine. Two threads that share a
core get about half of it each. A processor that is hot or saves power runs at about half its speed."""
WAITING_SHARE_MAX = 0.05
"""If the measuring thread waits for a processor during more of its time than this share, the machine is disturbed. On a
quiet machine it waits for less than 1%."""
DISCARDED_SHARE_MAX = 0.5
"""If more rounds than this share are discarded, the machine is disturbed."""

Verdict = Literal["within", "over", "undecided"]


class BatchLatency(Strict):
    """The cost of one batch size, over the quiet rounds."""

    rows: int
    """Rows in the batch."""
    mean_us: float | None = None
    """The mean time of a batch in microseconds; older bundles do not have it."""
    p50_us: float
    """The median time of a batch in microseconds."""
    p95_us: float | None = None
    """The 95% quantile of a batch's time in microseconds; older bundles do not have it."""
    p99_us: float
    """The 99% quantile of a batch's time in microseconds; with fewer than 100 runs, close to the slowest."""
    us_per_row: float
    """The median time divided by the rows."""
    runs: int
    """The number of runs behind the numbers."""
    rounds: int | None = None
    """The number of measured rounds; older bundles do not have it."""
    discarded_rounds: int = 0
    """The number of rounds that were discarded because the machine was disturbed."""


class Disturbance(Strict):
    """How quiet the machine was, over the rounds of all batch sizes."""

    clock: Literal["processor", "wall"]
    """``processor``: the processor time of the measuring thread, which does not count the time that other processes
    take. ``wall``: the time that passed, if the system has no fine clock of processor time."""
    attempts: int
    """The number of attempts; the measurement is repeated if a disturbed machine leaves a limit undecided."""
    rounds: int
    """How many rounds were measured."""
    discarded_rounds: int
    """The number of discarded rounds."""
    reference: str
    """The operation that is timed before and after the model in each round."""
    reference_quiet_us: float
    """Its cost in the quietest round, in microseconds."""
    reference_median_us: float
    """Its median cost over all rounds, in microseconds."""
    waiting_share: float
    """The share of the time in which the measuring thread waited for a processor; 0 if the clock cannot tell."""

    @property
    def disturbed(self) -> bool:
        """Whether a time above a limit may be due to the machine."""
        return (
            self.waiting_share > WAITING_SHARE_MAX
            or self.discarded_rounds > DISCARDED_SHARE_MAX * self.rounds
            or self.reference_median_us > SLOWDOWN_MAX * self.reference_quiet_us
        )

    def in_words(self) -> str:
        """Return rounds, discarded rounds and the cost of the reference in a sentence."""
        return (
            f"{self.rounds:,} rounds in {self.attempts} {'attempt' if self.attempts == 1 else 'attempts'},"
            f" {self.discarded_rounds:,} discarded as disturbed; the reference ({self.reference}) took"
            f" {self.reference_median_us:,.1f} µs, {self.reference_quiet_us:,.1f} µs in the quietest round;"
            f" waited for a processor {self.waiting_share:.0%} of the time"
        )


class Machine(Strict):
    """The computer of the measurement."""

    cpu: str
    """The processor's name."""
    cores: int
    """The number of cores that the process can use; the measurement uses one."""


class LatencyTable(Strict):
    """The content of ``latency.json``."""

    machine: Machine
    versions: dict[str, str]
    """The versions of Python, NumPy and ONNX Runtime."""
    threads: int
    """The number of threads of ONNX Runtime."""
    rounds: int
    """How many rounds were measured of each batch size."""
    batches: tuple[BatchLatency, ...]
    """One entry for each batch size, ascending."""
    disturbance: Disturbance | None = None
    """How quiet the machine was; older bundles do not have it."""

    @property
    def single_row_p99_us(self) -> float:
        """The 99% quantile of a single row's time in microseconds."""
        return next(batch.p99_us for batch in self.batches if batch.rows == 1)

    @property
    def disturbed(self) -> bool:
        """Whether a time above a limit may be due to the machine; False if it was not recorded."""
        return self.disturbance is not None and self.disturbance.disturbed

    def batch(self, rows: int) -> BatchLatency | None:
        """Return the cost of one batch size, None if it was not measured."""
        return next((batch for batch in self.batches if batch.rows == rows), None)

    def judge(self, value_us: float, limit_us: float) -> Verdict:
        """Compare a time of this table with a limit, both in microseconds; a time on the limit is within it.

        A disturbance makes a model slower and never faster, so a time within the limit is always believed. A time above
        the limit is ``undecided`` if the machine was disturbed and the disturbance can explain the excess.
        """
        if value_us <= limit_us:
            return "within"
        return "undecided" if self.disturbed and value_us <= SLOWDOWN_MAX * limit_us else "over"
