"""The stage ``features``: it compares imputation, clusters and columns on the training part and decides."""

from __future__ import annotations

from pathlib import Path

from training.stages.context import Context, write_decisions
from training.stages.features_study import decide_features
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write ``decisions.yaml``, ``features.json`` and the plots."""
    before = context.decisions_before("features")
    decisions = decide_features(context.config, context.train(), before, folder, context.progress)
    write_decisions(decisions, folder / "decisions.yaml", "What the studies of the features decided.")
    clusters = f", {decisions.n_clusters} clusters" if decisions.n_clusters else ""
    return Outcome(
        f"{decisions.impute} imputation{clusters}, {len(decisions.columns)} of {len(before.columns)} columns",
        params={
            "impute": decisions.impute,
            "n_clusters": decisions.n_clusters,
            "columns": ", ".join(decisions.columns),
        },
    )
