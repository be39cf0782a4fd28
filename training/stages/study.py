"""The stage ``study``: a report on the data for people to look through; it decides nothing."""

from __future__ import annotations

from pathlib import Path

from training.stages.context import Context
from training.stages.outcome import Outcome
from training.study.report import write_study


def run(context: Context, folder: Path) -> Outcome:
    """Write ``report.html`` and ``study.json``.

    The test part is seen by the comparison of the two parts alone: whether the split is a fair one.
    """
    origin = context.origin()
    test = context.test()
    test[context.config.target.name] = context.truth()
    provenance = {"data": origin.kind, "source": origin.source, "sha256": origin.sha256, "rows": f"{origin.rows:,}"}
    figures = write_study(context.config, context.train(), test, folder, context.progress, provenance=provenance)
    return Outcome("report.html", metrics=figures)
