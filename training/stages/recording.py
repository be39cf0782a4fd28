"""Recording: each stage becomes a nested run in MLflow, under one parent for all stages of the same config and data.

The parent is known by the fingerprint of config and data, so recording begins once the data is there; what comes before
leaves nothing to record that the data set's own entry does not say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import GateError
from training.provenance import fingerprint
from training.stages.context import Context
from training.stages.outcome import Outcome
from training.stages.table import STAGES
from training.stages.tables import read_table

if TYPE_CHECKING:
    from training.tracking import Tracker

_FIRST = "validate"
"""The first stage that is recorded."""


class Recorder:
    """The record of a run of stages; it opens the tracker at the first stage that is recorded."""

    def __init__(self, context: Context) -> None:
        """Record the stages of a context, where its settings say so."""
        self._context = context
        self._tracker: Tracker | None = None
        self._outcome: Outcome | None = None

    def told(self, outcome: Outcome) -> None:
        """Keep what the running stage has found, for its record."""
        self._outcome = outcome

    @property
    def run_id(self) -> str | None:
        """The parent run's id; None where nothing is recorded."""
        return None if self._tracker is None else self._tracker.run_id

    def open(self, stage: str) -> None:
        """Open the tracker, where runs are tracked and it is not open, before a stage that is recorded."""
        if not self._context.settings.tracking or self._tracker is not None or not _is_recorded(stage):
            return
        from training.tracking import open_tracker  # only where it is wanted: MLflow takes seconds to import

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
        """Record what a stage tells and writes while the block runs."""
        if self._tracker is None:
            yield
            return
        with self._tracker.stage(name) as run:
            try:
                yield
            except GateError:
                # Why a model was refused is worth as much as why another was let through.
                run.files(folder)
                raise
            if outcome := self._take():
                run.params(outcome.params)
                run.metrics(outcome.metrics)
                if name == "fit":
                    self._tracker.metrics(outcome.metrics)
            if name == _FIRST:
                # The rows themselves stay where they are.
                self._tracker.data(self._context.origin(), read_table(folder / "train.parquet"))
            else:
                run.files(folder)

    def _take(self) -> Outcome | None:
        outcome, self._outcome = self._outcome, None
        return outcome

    def finish(self, *, failed: bool) -> None:
        """End the record."""
        if self._tracker is not None:
            self._tracker.finish(failed=failed)


def _is_recorded(stage: str) -> bool:
    order = list(STAGES)
    return order.index(stage) >= order.index(_FIRST)
