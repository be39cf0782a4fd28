"""The stage ``sweep``: it searches for the selected estimator's parameters by cross-validation in the training part.

The trials are kept in ``sweep-study.db`` of the workspace, outside the stage's own folder: a search that was stopped
continues from there.
"""

from __future__ import annotations

from pathlib import Path

from training.stages.context import Context, decisions_file, read_decisions
from training.stages.outcome import Outcome
from training.stages.sweep_study import sweep

STORAGE = "sweep-study.db"


def run(context: Context, folder: Path) -> Outcome:
    """Write ``best_params.yaml``, the trials and the plots."""
    before = context.decisions_before("sweep")
    storage = context.workspace.path(STORAGE)
    sweep(context.config, context.train(), before, folder, context.progress, storage=storage)
    # Read from the file, as later stages do.
    decisions = read_decisions(folder / Path(decisions_file("sweep")).name)
    params = decisions.estimator.params
    return Outcome(
        ", ".join(f"{name}={value}" for name, value in params.items()) or decisions.estimator.kind,
        params={f"best.{name}": value for name, value in params.items()},
    )
