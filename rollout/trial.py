"""The trial of one challenger in one worker: it splits the traffic or feeds the shadow, counts both arms, and keeps the last verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from rollout.answers import AnswerForm
from rollout.cells import Cells, arm_cells, arm_counts, pair_cells, pair_counts
from rollout.document import Challenger, Limits
from rollout.judge import ALPHA, Action, next_action, seconds_since
from rollout.observer import ArmObserver
from rollout.settings import RolloutSettings
from rollout.shadow.batch import ShadowBatch
from rollout.shadow.comparison import ShadowComparison
from rollout.shadow.rows import recoder
from rollout.shadow.shadow import Shadow
from rollout.shadow.worst_rows import WorstRow, merge_worst
from rollout.tally import ArmTally
from rollout.traffic.split import Split
from runners.batcher import MicroBatcher
from runners.clock import Loop, Offload
from runners.runner import Runner, RunnerOptions
from runners.session import OnnxSession
from tabento.ab_test.arms import ArmCounts, LossSums
from tabento.ab_test.pairs import PairCounts
from tabento.ab_test.verdict import Options, Verdict
from tabento.ab_test.watch import Watch
from tabento.bundle.store import Bundle

Series = dict[tuple[str, ...], float]
"""Numbers by labels; see ``monitoring.snapshots``."""
Losses = Callable[[str, str, str], LossSums]
"""Returns the losses of a model's version since the challenger's first answer, by name, version and variant."""


COST_ROWS = (1, 16, 128)
"""The sizes of batches whose learned costs are compared."""
VARIANTS = ("champion", "challenger")
LIFETIME_FIELDS = {
    **{(variant, field): (variant, field) for variant in VARIANTS for field in ("requests", "errors", "refused")},
    ("pairs", "compared"): ("shadow", "compared"),
    ("pairs", "differing"): ("shadow", "differing"),
    ("shadow", "failed_rows"): ("shadow", "failed"),
    ("shadow", "dropped_rows"): ("shadow", "dropped"),
}
"""The counts of ``Trial.series`` that are metrics, with their names there."""


def no_losses(name: str, version: str, variant: str) -> LossSums:  # noqa: ARG001
    """Return no losses, for a service without feedback."""
    return LossSums()


class ServedGraph(Protocol):
    """The part of ``serving.model.ServedModel`` that a trial needs."""

    options: RunnerOptions

    @property
    def session(self) -> OnnxSession:
        """The graph."""
        ...


@dataclass(frozen=True)
class _Arm:
    """The counts of an arm in this worker."""

    tally: ArmTally
    observer: ArmObserver | None
    """Counts the requests of a canary; None in the shadow."""


class LiveVersion(Protocol):
    """The part of ``serving.live_model.LiveModel`` that a trial needs."""

    bundle: Bundle
    batcher: MicroBatcher
    runner: Runner
    key: int
    """The key of this version in the records of the monitor."""
    split: Any
    """Set by the trial: a ``rollout.traffic.split.Split`` or None."""
    observer: Any
    """Set by the trial: a ``rollout.observer.ArmObserver`` or None."""

    @property
    def served(self) -> ServedGraph:
        """The loaded model."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """The parts of a worker that a trial uses."""

    settings: RolloutSettings
    loop: Loop
    offload: Offload
    """Runs expensive batches of the shadow in a thread."""
    losses: Losses
    """Returns the losses from feedback; ``no_losses`` without feedback."""
    record: Callable[[LiveVersion, ShadowBatch], object] | None = None
    """Keeps a record of the challenger's answers in the shadow for the monitor; None if predictions are not recorded."""


@dataclass(frozen=True)
class Totals:
    """The counts of a trial's present step over all workers."""

    champion: ArmCounts
    challenger: ArmCounts
    pairs: PairCounts
    dropped_rows: int = 0
    """The rows that the shadow did not compare, for lack of time."""
    failed_rows: int = 0
    """The rows on which the challenger in the shadow failed."""
    refused: tuple[int, int] = (0, 0)
    """The requests of champion and challenger that were refused for their content."""
    worst: tuple[WorstRow, ...] = ()


class _Latencies:
    """The latencies of both arms of a canary. It does not refer to the trial, which refers to it: a trial is freed with its last
    reference, because the garbage collector may skip it.

    Args:
        champion: the live champion.
        challenger: the live challenger.
        limits: the limits of the document.
    """

    def __init__(self, champion: LiveVersion, challenger: LiveVersion, limits: Limits) -> None:
        self._spare = champion.runner.budget.spare
        self._costs = champion.batcher.costs, challenger.batcher.costs
        self.limits = limits

    def are_telling(self) -> bool:
        """Return whether the latencies of both arms can be compared now.

        While the loop refuses requests, an answer's latency is the time of the batches before it, and these depend on the shares of
        the arms. Latencies of that time are not counted, unless the challenger's rows are more expensive: it may be the reason.
        """
        if self._spare.is_calm:
            return True
        allowed = 1.0 + (self.limits.latency_rise or 0.0)
        champion, challenger = self._costs
        return any(challenger.predict(rows) > allowed * champion.predict(rows) for rows in COST_ROWS)


class Trial:
    """One challenger beside its champion, in this worker.

    Args:
        champion: the live champion.
        challenger: the live challenger.
        plan: the challenger in the document.
        surroundings: the parts of the worker.

    Raises:
        FieldError: ``sticky`` names a field that cannot decide.
        RowsError: the champion's rows cannot be given to the challenger.
        ValueError: the versions answer different kinds of numbers or labels.
    """

    def __init__(
        self, champion: LiveVersion, challenger: LiveVersion, plan: Challenger, surroundings: Surroundings
    ) -> None:
        self.champion = champion
        self.challenger = challenger
        self.name = champion.bundle.name
        self.plan = plan
        self.verdict: Verdict | None = None
        """The last verdict on the present step; None before the first one."""
        self.totals: Totals | None = None
        """The counts of the last verdict."""
        self.withdrawn: Action | None = None
        """The rollback that has taken the challenger's traffic; None if it has not."""
        self._surroundings = surroundings
        self._form = AnswerForm(champion.bundle.contract, champion.bundle.reference)
        self._maps = self._form.label_map(challenger.bundle.contract)
        self._began_s = time.time()
        self._earlier: dict[tuple[str, str], int] = {}
        self._split: Split[LiveVersion] | None = None
        self._shadow: Shadow | None = None
        contract = champion.bundle.contract
        self._comparison: ShadowComparison | None = None
        self._recode: Callable[[bytes, int], bytes] | None = None
        self._is_canary = plan.mode == "canary"
        self._latencies = _Latencies(champion, challenger, plan.limits)
        self._is_paired = False
        if self._is_canary:
            self._split = Split(champion, challenger, plan.tag, plan.sticky, plan.share, contract)
        else:
            texts = (champion.served.session.texts, challenger.served.session.texts)
            self._recode = recoder(contract, challenger.bundle.contract, *texts)
        self._reset()

    @property
    def bin_names(self) -> dict[str, list[str]]:
        """The names of the bins of the answers, by column."""
        return self._form.bin_names()

    @property
    def cost_ratio(self) -> float | None:
        """The time of a challenger in the shadow in its model, as a multiple of the champion's, in this worker; None if unknown."""
        return None if self._comparison is None else self._comparison.cost_ratio

    @property
    def epoch(self) -> str:
        """The name of the present step: counts of other steps are not added to it."""
        return f"{self.plan.mode}/{self.plan.step}/{self.plan.step_since or ''}"

    @property
    def elapsed_s(self) -> float:
        """The seconds since the present step began."""
        since = self.plan.step_since
        return seconds_since(since, time.time()) if since is not None else time.time() - self._began_s

    def start(self) -> None:
        """Let the challenger take its part of the traffic, or of the shadow, from now on."""
        self.champion.split = self._split
        self.champion.observer = self._arms["champion"].observer if self._shadow is None else self._shadow
        self.challenger.observer = self._arms["challenger"].observer
        if self._is_canary and not self._is_paired:
            self._is_paired = True
            self.champion.runner.budget.turns.pair(self.champion.batcher, self.challenger.batcher)

    def follow(self, plan: Challenger) -> bool:
        """Follow a change of the document; return False if a new trial is needed instead.

        A new step counts from zero: otherwise the traffic of different hours would be compared.
        """
        before = self.plan
        if plan == before:
            return True
        if self.withdrawn is not None or (plan.tag, plan.mode, plan.sticky) != (before.tag, before.mode, before.sticky):
            return False
        if plan.limits.difference != before.limits.difference:
            return False
        self.plan = plan
        self._latencies.limits = plan.limits
        if self._split is not None:
            self._split.set_share(plan.share)
        if self._is_canary and (plan.step, plan.step_since, plan.steps) != (
            before.step,
            before.step_since,
            before.steps,
        ):
            self._earlier = self.lifetime()
            self._reset()
            self.start()
        elif plan.limits != before.limits:
            self._watch = self._new_watch()
        return True

    def stop(self) -> None:
        """Take all traffic from the challenger; answers that are due are still sent."""
        if self._shadow is not None:
            self._shadow.stop()
        if self.champion.observer in (self._shadow, self._arms["champion"].observer):
            self.champion.observer = None
        if self.challenger.observer is self._arms["challenger"].observer:
            self.challenger.observer = None
        if self.champion.split is self._split:
            self.champion.split = None
        if self._is_paired:
            self._is_paired = False
            self.champion.runner.budget.turns.unpair(self.champion.batcher, self.challenger.batcher)

    def series(self) -> Series:
        """Return this worker's counts of the present step, by model, version, step, and the names of ``rollout.cells``."""
        cells: Cells = {}
        if self._comparison is not None:
            self._comparison.flush()
        for variant, arm in self._arms.items():
            if arm.observer is not None:
                arm.observer.flush()
                arm.tally.errors = arm.observer.errors
                cells[variant, "refused", ""] = arm.observer.refused
            counts = arm.tally.counts()
            if variant == "champion" and self._split is not None and self._split.firsts is not None:
                # Of both arms: the number of requests of a unit is a property of the traffic.
                counts.units = list(self._split.firsts.requests)
            cells |= arm_cells(variant, counts)
        if self._comparison is not None:
            cells |= pair_cells("pairs", self._comparison.pairs)
            cells["shadow", "failed_rows", ""] = self._comparison.failed_rows
            cells["shadow", "dropped_rows", ""] = 0 if self._shadow is None else self._shadow.dropped_rows
        return {(*self._labels(), *names): number for names, number in cells.items()}

    def lifetime(self) -> dict[tuple[str, str], int]:
        """Return this worker's counts of all steps: by variant ``requests`` and ``errors``, and of the shadow the rows by result."""
        totals = dict(self._earlier)
        for (_, _, _, group, field, index), number in self.series().items():
            if index == "" and (group, field) in LIFETIME_FIELDS:
                name = LIFETIME_FIELDS[group, field]
                totals[name] = totals.get(name, 0) + int(number)
        return totals

    def worst_series(self) -> Series:
        """Return this worker's worst rows: the differences by model, version, step, request id, row and both answers."""
        if self._comparison is None:
            return {}
        return {
            (*self._labels(), row.request_id, str(row.row), row.champion, row.challenger): row.difference
            for row in self._comparison.worst.rows()
        }

    def count(self, series: Mapping[tuple[str, ...], float], worst: Mapping[tuple[str, ...], float]) -> Totals:
        """Return, and keep, the counts of all workers; see ``judge``."""
        self.totals = self._totals_of(series, worst)
        return self.totals

    def judge(self, series: Mapping[tuple[str, ...], float], worst: Mapping[tuple[str, ...], float]) -> Action | None:
        """Judge the counts of all workers; a challenger that has passed a limit loses its traffic at once.

        Args:
            series: the sum of ``series`` over all workers.
            worst: the ``worst_series`` of all workers.

        Returns:
            The change of the document that follows; None if nothing changes.
        """
        if self.withdrawn is not None:
            return self.withdrawn
        totals = self.count(series, worst)
        pairs = None if self._is_canary else totals.pairs
        self.verdict = self._watch.judge(totals.champion, totals.challenger, pairs, self._surroundings.loop.time())
        approval = self._surroundings.settings.rollout_approval
        action = next_action(self.name, self.plan, self.verdict, self.elapsed_s, approval=approval)
        if action is not None and action.kind == "roll_back":
            self.withdrawn = action
            self.stop()
        return action

    def _labels(self) -> tuple[str, str, str]:
        return self.name, self.challenger.bundle.version, self.epoch

    def _reset(self) -> None:
        """Begin to count a step."""
        self.verdict = self.totals = None
        self._watch = self._new_watch()
        if self._split is not None:
            firsts = self._split.firsts
            if firsts is not None:
                firsts.clear()
            is_first = None if firsts is None else firsts.take
            is_telling = self._latencies.are_telling
            tallies = (ArmTally(self._form, (), is_telling), ArmTally(self._form, self._maps, is_telling))
            self._arms = {
                variant: _Arm(tally, ArmObserver(tally.add, is_first))
                for variant, tally in zip(VARIANTS, tallies, strict=True)
            }
            return
        settings, challenger = self._surroundings.settings, self.challenger
        self.champion.runner.budget.spare.loop_share = settings.shadow_loop_share
        self._comparison = comparison = ShadowComparison(self._form, self._maps, self.plan.limits.difference)
        self._arms = {"champion": _Arm(comparison.champion, None), "challenger": _Arm(comparison.challenger, None)}
        self._shadow = Shadow(
            challenger.served.session,
            self.champion.served.session,
            challenger.batcher.costs,
            self.champion.batcher,
            self._surroundings.loop,
            self._surroundings.offload,
            self.champion.runner.budget.spare,
            self._recode,
            partial(_compare, comparison, self._surroundings.record, challenger),
            settings.shadow_max_rows,
            challenger.served.options.inline_s,
        )

    def _new_watch(self) -> Watch:
        plan = self.plan
        if plan.mode == "shadow":
            return Watch(plan.limits, Options(alpha=ALPHA))
        return Watch(plan.limits, Options(alpha=ALPHA, parts=len(plan.steps), share=plan.share))

    def _totals_of(self, series: Mapping[tuple[str, ...], float], worst: Mapping[tuple[str, ...], float]) -> Totals:
        labels = self._labels()
        cells = {names[3:]: number for names, number in series.items() if names[:3] == labels}
        arms = {}
        for variant in VARIANTS:
            arms[variant] = arm_counts(variant, cells)
            # Truths arrive late, so the losses of all steps and of the shadow count.
            bundle = (self.champion if variant == "champion" else self.challenger).bundle
            arms[variant].losses = self._surroundings.losses(bundle.name, bundle.version, variant)
        rows = [
            WorstRow(number, names[3], int(names[4]), names[5], names[6])
            for names, number in worst.items()
            if names[:3] == labels
        ]
        return Totals(
            arms["champion"],
            arms["challenger"],
            pair_counts("pairs", cells),
            int(cells.get(("shadow", "dropped_rows", ""), 0)),
            int(cells.get(("shadow", "failed_rows", ""), 0)),
            (int(cells.get(("champion", "refused", ""), 0)), int(cells.get(("challenger", "refused", ""), 0))),
            tuple(merge_worst(rows)),
        )


def _compare(
    comparison: ShadowComparison,
    record: Callable[[LiveVersion, ShadowBatch], object] | None,
    challenger: LiveVersion,
    batch: ShadowBatch,
) -> None:
    """Compare a batch of the shadow, and record it."""
    comparison.add(batch)
    if record is not None:
        record(challenger, batch)
