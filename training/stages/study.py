"""The stage ``study``: a report on the data for readers. It decides nothing."""

from __future__ import annotations

from pathlib import Path

from training.report.exploration.report import write_study
from training.stages.context import Context
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write ``report.html`` and ``study.json``.

    Only the comparison of the two parts uses the test part. It checks whether the split is fair.
    """
    origin = context.origin()
    test = context.test()
    test[context.config.target.name] = context.truth()
    provenance = {"data": origin.kind, "source": origin.source, "sha256": origin.sha256, "rows": f"{origin.rows:,}"}
    figures = write_study(context.config, context.train(), test, folder, context.progress, provenance=provenance)
    return Outcome("report.html", metrics=figures)
