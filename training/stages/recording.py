"""Recording: each stage becomes a nested run in MLflow, under one parent for all stages of the same config and data.

The parent is identified by the fingerprint of config and data, so the record starts when the data is known. The data set's
own entry describes the earlier stages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.parquet import read_table
from training.errors import GateError
from training.registry.provenance import fingerprint
from training.stages.context import Context
from training.stages.journal import Entry, entry_of, read_journal, write_journal
from training.stages.outcome import Outcome
from training.stages.table import STAGES

if TYPE_CHECKING:
    from training.registry.tracking import StageRun, Tracker

_FIRST = "validate"
"""The first stage that is recorded."""


class Recorder:
    """The record of a run of stages. It opens the tracker at the first recorded stage."""

    def __init__(self, context: Context) -> None:
        """Record the stages of a context if its settings enable tracking."""
        self._context = context
        self._tracker: Tracker | None = None
        self._outcome: Outcome | None = None

    def report(self, outcome: Outcome) -> None:
        """Store the outcome of the running stage for its record."""
        self._outcome = outcome

    @property
    def run_id(self) -> str | None:
        """The parent run's id; None if nothing is recorded."""
        return None if self._tracker is None else self._tracker.run_id

    def open(self, stage: str) -> None:
        """Open the tracker before a recorded stage, if runs are tracked and the tracker is not open."""
        if self._context.record_later or not _is_recorded(stage):
            return
        self._open()

    def _open(self) -> None:
        if not self._context.settings.tracking or self._tracker is not None:
            return
        from training.registry.tracking import open_tracker  # imported here, because the import of MLflow takes seconds

        with self._context.progress.step("Open the record of the run"):
            config, origin = self._context.config, self._context.origin()
            self._tracker = open_tracker(
                self._context.settings,
                config,
                self._context.progress,
                fingerprint=fingerprint(config, origin),
                workspace=self._context.workspace.root,
            )

    @contextmanager
    def stage(self, name: str, folder: Path) -> Iterator[None]:
        """Record the outcome and the files of a stage while the block runs.

        The outcome of a stage that is recorded later is stored in the journal. If the stage fails, the record is made
        immediately.
        """
        if self._context.record_later and self._context.settings.tracking and _is_recorded(name):
            try:
                yield
            except Exception:
                self._record_failure(name, folder)
                raise
            root = self._context.workspace.root
            # A stage that runs again after an interruption is recorded once.
            before = [entry for entry in read_journal(root) if entry.stage != name]
            write_journal(root, [*before, entry_of(name, self._take() or Outcome(""))])
            return
        if self._tracker is None:
            yield
            return
        with self._tracker.stage(name) as run:
            try:
                yield
            except GateError:
                # The report of a refused model is recorded as well.
                run.files(folder)
                raise
            _enter(self._tracker, run, entry_of(name, self._take() or Outcome("")), folder, self._context)

    def _record_failure(self, name: str, folder: Path) -> None:
        """Record the stages in the journal and the one that failed."""
        self._open()
        if self._tracker is None:
            return
        root = self._context.workspace.root
        for entry in read_journal(root):
            enter_stage(self._tracker, entry, self._context.workspace.folder(entry.stage), self._context)
        write_journal(root, [])
        self._tracker.failed_stage(name, folder)

    def _take(self) -> Outcome | None:
        outcome, self._outcome = self._outcome, None
        return outcome

    def finish(self, *, failed: bool) -> None:
        """End the record."""
        if self._tracker is not None:
            self._tracker.finish(failed=failed)


def enter_stage(tracker: Tracker, entry: Entry, folder: Path, context: Context) -> None:
    """Record a finished stage."""
    with tracker.stage(entry.stage) as run:
        _enter(tracker, run, entry, folder, context)


def _enter(tracker: Tracker, run: StageRun, entry: Entry, folder: Path, context: Context) -> None:
    run.params(entry.params)
    run.metrics(entry.metrics)
    if entry.stage == "fit":
        tracker.metrics(entry.metrics)
    if entry.stage == _FIRST:
        # The rows are not recorded.
        tracker.data(context.origin(), read_table(folder / "train.parquet"))
    else:
        run.files(folder)


def _is_recorded(stage: str) -> bool:
    order = list(STAGES)
    return order.index(stage) >= order.index(_FIRST)
