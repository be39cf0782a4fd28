"""The result of the proof in one sentence, for logs, cards and terminals."""

from __future__ import annotations

from tabento.parity.report import ParityReport


def parity_summary(report: ParityReport) -> str:
    """Return the numbers of the proof that matter most: differences, branches and labels."""
    words = f"worst relative difference {report.worst_relative:.2g} in {report.rows:,} rows"
    if report.trees:
        words += f", {report.other_branches:,} on another branch of {report.trees:,} trees"
    if report.classification:
        words += f", {report.label_flips:,} with another label"
    if report.other_intervals is not None:
        words += f", {report.other_intervals:,} with another interval or set"
    if report.cancelled:
        words += f", {report.cancelled:,} with rounding that shows"
    if report.knife_edges:
        words += f", {report.knife_edges:,} on a knife edge"
    return words + (f", {report.undecided:,} undecided" if report.undecided else "")
