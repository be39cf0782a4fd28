"""The stage ``select``: estimators are compared on the training part, and the best within the budget is taken."""

from __future__ import annotations

from pathlib import Path

from training.selection.run import select
from training.stages.context import Context, write_decisions
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write ``decisions.yaml``, ``selection.json``, the table and the plots."""
    before = context.decisions_before("select")
    decisions = select(context.config, context.train(), before, folder, context.progress)
    write_decisions(
        decisions, folder / "decisions.yaml", "What the selection decided, after the studies of the features."
    )
    kept = " (the config's own)" if decisions.estimator == before.estimator else ""
    return Outcome(f"{decisions.estimator.kind}{kept}", params={"estimator": decisions.estimator.kind})
