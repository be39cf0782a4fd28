"""The stage ``select``: it compares estimators on the training part and selects the best within the budget."""

from __future__ import annotations

from pathlib import Path

from training.stages.context import Context, write_decisions
from training.stages.outcome import Outcome
from training.stages.selection_study import select


def run(context: Context, folder: Path) -> Outcome:
    """Write ``decisions.yaml``, ``selection.json``, the table and the plots."""
    before = context.decisions_before("select")
    decisions = select(context.config, context.train(), before, folder, context.progress)
    write_decisions(
        decisions, folder / "decisions.yaml", "What the selection decided, after the studies of the features."
    )
    note = " (the config's own)" if decisions.estimator == before.estimator else ""
    return Outcome(f"{decisions.estimator.kind}{note}", params={"estimator": decisions.estimator.kind})
