"""All trials of a worker: counted, judged twice a second with the counts of all workers, and acted upon.

A challenger that passes a limit loses its traffic in this worker at once. The document is changed as well, so that it loses its traffic
in all workers and replicas that read the document. Each worker judges the same counts; only the first change of the document counts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rollout.automatic_changes import advance, promote_after_last_step, roll_back
from rollout.changes import Author
from rollout.document import ModelRollout, RolloutDocument
from rollout.judge import Action
from rollout.report import report_of, status_of
from rollout.store import DocumentStore
from rollout.trial import LiveVersion, Series, Surroundings, Trial

logger = logging.getLogger("tabento.rollout")

TICK_S = 0.5
"""The seconds between two verdicts: a challenger that has passed a limit loses its traffic within a second."""
ROLLED_BACK_S = 3_600.0
"""The seconds for which the metric of a rollback is shown, and its alert fires."""
MAX_ENDED = 200
"""The number of challengers that have ended and are still counted."""
USER = "judge"
"""The author of automatic changes."""

Collect = Callable[[], Awaitable[tuple[Series, Series, Series]]]
"""Returns the sums over all workers of ``Trial.series`` and of ``Trial.worst_series``, and the overrides that are in no file."""


class RunningTrial:
    """The trial of one model, as the reconciler sees it: it begins again if the document changes what cannot be changed in place.

    Args:
        champion: the live champion.
        challenger: the live challenger.
        entry: the entry of the document.
        surroundings: the parts of the worker.
        end: called when the trial is stopped.

    Raises:
        ValueError: the challenger cannot be tried as the document asks; see ``Trial``.
    """

    def __init__(
        self,
        champion: LiveVersion,
        challenger: LiveVersion,
        entry: ModelRollout,
        surroundings: Surroundings,
        end: Callable[[RunningTrial], object],
    ) -> None:
        if entry.challenger is None:
            raise ValueError(f"the document has no challenger of {champion.bundle.name}")
        self._surroundings = surroundings
        self._end = end
        self.has_ended = False
        """Whether it has no traffic any more: it is not judged either, because its counts say nothing about the present plan."""
        self.earlier: dict[tuple[str, str], int] = {}
        """The counts of former trials of the same two versions, see ``Trial.lifetime``."""
        self.trial = Trial(champion, challenger, entry.challenger, surroundings)
        """The present trial."""
        self.fault: str | None = None
        """The reason why a changed document is not followed; then the challenger has no traffic. None if it is."""
        self.trial.start()

    @property
    def version(self) -> tuple[str, str]:
        """The challenger's name and version."""
        bundle = self.trial.challenger.bundle
        return bundle.name, bundle.version

    def stop(self) -> None:
        """Take the challenger's traffic away."""
        self.trial.stop()
        self._end(self)

    def update(self, entry: ModelRollout) -> None:
        """Use another share, mode, key or other limits of the same two versions."""
        plan = entry.challenger
        if plan is None:
            self.trial.stop()
            self.has_ended = True
            return
        if not self.has_ended and self.trial.follow(plan):
            return
        self.trial.stop()
        counts = self.lifetime()
        try:
            self.trial = Trial(self.trial.champion, self.trial.challenger, plan, self._surroundings)
        except ValueError as error:
            self.has_ended = True
            self.fault = str(error)
            logger.error("rollout: %s has no traffic: %s", plan.tag, error)
            return
        self.earlier = counts
        self.has_ended = False
        self.fault = None
        self.trial.start()

    def lifetime(self) -> dict[tuple[str, str], int]:
        """Return this worker's counts since the challenger is tried; see ``Trial.lifetime``."""
        return add_counts(self.earlier, self.trial.lifetime())

    def status(self) -> dict[str, Any]:
        """Return the share, the counts of both arms, and the verdict."""
        return {**status_of(self.trial), "fault": self.fault}

    def report(self) -> dict[str, Any]:
        """Return the whole report."""
        return {**report_of(self.trial), "fault": self.fault}


class Trials:
    """The trials of a worker.

    Args:
        surroundings: the parts of the worker.
        store: the document.
        collect: adds up the counts of all workers.
    """

    def __init__(self, surroundings: Surroundings, store: DocumentStore, collect: Collect) -> None:
        self._surroundings = surroundings
        self._store = store
        self._collect = collect
        self._task: asyncio.Task[None] | None = None
        self.running: dict[str, RunningTrial] = {}
        """The trials by model."""
        self.rolled_back: dict[tuple[str, str, str], float] = {}
        """The time until which a rollback is shown, by model, version and check, on the clock of ``time.monotonic``."""
        self._ended: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self._faults: dict[str, str] = {}

    def start(self, name: str, champion: LiveVersion, challenger: LiveVersion, entry: ModelRollout) -> RunningTrial:
        """Start the trial of a model.

        Raises:
            ValueError: the challenger cannot be tried as the document asks.
        """
        trial = RunningTrial(champion, challenger, entry, self._surroundings, self._end)
        self.running[name] = trial
        for labels in [labels for labels in self.rolled_back if labels[0] == name]:
            del self.rolled_back[labels]
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        return trial

    def lifetimes(self) -> dict[tuple[str, str], dict[tuple[str, str], int]]:
        """Return this worker's counts of each challenger, by its name and version; see ``Trial.lifetime``."""
        totals = dict(self._ended)
        for running in self.running.values():
            version = running.version
            totals[version] = add_counts(totals.get(version, {}), running.lifetime())
        return totals

    def _end(self, running: RunningTrial) -> None:
        name, _ = version = running.version
        if self.running.get(name) is not running:
            return
        del self.running[name]
        self._ended[version] = add_counts(self._ended.pop(version, {}), running.lifetime())
        for former in list(self._ended)[:-MAX_ENDED]:
            del self._ended[former]

    async def stop(self) -> None:
        """Judge no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def series(self) -> tuple[Series, Series]:
        """Return this worker's counts and worst rows; see ``Trial``."""
        series: Series = {}
        worst: Series = {}
        for running in self.running.values():
            series |= running.trial.series()
            worst |= running.trial.worst_series()
        return series, worst

    def unwritten_overrides(self) -> Series:
        """Return the overrides that only this worker knows."""
        return self._store.overrides.unwritten()

    async def refresh(self) -> None:
        """Add up the counts of all workers for a report, without a verdict."""
        if self.running:
            series, worst, _ = await self._collect()
            for running in self.running.values():
                running.trial.count(series, worst)

    def reports(self) -> list[dict[str, Any]]:
        """Return the reports on all trials."""
        return [running.report() for running in self.running.values()]

    async def tick(self) -> None:
        """Judge all trials once."""
        series, worst, overrides = await self._collect()
        if overrides:
            await asyncio.to_thread(self._adopt, overrides)
        for name, running in list(self.running.items()):
            if self.running.get(name) is not running or running.has_ended:
                continue  # it was stopped while another one was judged, or its new plan is not possible
            had_traffic = running.trial.withdrawn is None
            try:
                action = running.trial.judge(series, worst)
                if action is not None:
                    if action.kind == "roll_back" and had_traffic:
                        logger.warning("rollout: %s has lost its traffic in this worker: %s", action.tag, action.reason)
                    if await asyncio.to_thread(self._change_document, action):
                        self._report(action)
            except Exception as error:
                # It is tried again twice a second.
                if self._faults.get(name) != repr(error):
                    logger.exception("rollout: the trial of %s could not be judged", name)
                self._faults[name] = repr(error)
            else:
                self._faults.pop(name, None)

    async def _run(self) -> None:
        fault = None
        while self.running:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception as error:
                # It is tried again twice a second.
                if repr(error) != fault:
                    logger.exception("rollout: the trials could not be judged")
                fault = repr(error)
            else:
                fault = None

    def _adopt(self, overrides: Series) -> None:
        """Use the overrides of other workers, which cannot write them into a file. For any thread."""
        self._store.overrides.adopt(overrides, self._store.read())

    def _change_document(self, action: Action) -> bool:
        """Change the document; return whether this worker was the first. For any thread."""
        author = Author(USER, action.reason)
        has_changed = False

        def edit(document: RolloutDocument) -> RolloutDocument:
            nonlocal has_changed
            if not action.concerns(document):
                return document
            if action.kind == "roll_back":
                edited = roll_back(document, action.name, action.tag, author)
            elif action.kind == "advance":
                edited = advance(document, action.name, action.tag, action.step, author)
            else:
                approval = self._surroundings.settings.rollout_approval
                edited = promote_after_last_step(document, action.name, action.tag, author, approval=approval)
            has_changed = edited is not document
            return edited

        self._store.change_or_override(edit, action.kind)
        return has_changed

    def _report(self, action: Action) -> None:
        if action.kind == "roll_back":
            for check in action.checks or ("limit",):
                labels = (action.name, action.tag.partition(":")[2], check)
                self.rolled_back[labels] = time.monotonic() + ROLLED_BACK_S
            logger.error("rollout: %s is rolled back: %s", action.tag, action.reason)
        else:
            change = "takes its next step" if action.kind == "advance" else "is the champion now"
            logger.warning("rollout: %s %s: %s", action.tag, change, action.reason)


def add_counts(first: dict[tuple[str, str], int], second: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Return the sums of counts by name."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in first | second}
