"""The gate's report in one line: how many checks passed; those that failed follow in full, as the error that ends the run."""

from __future__ import annotations

from collections import Counter

from training.gate.report import GateReport

_WORDS = {"failed": "failed", "shown": "only shown", "off": "switched off"}


def summary_line(report: GateReport) -> str:
    """Return how many checks passed, by what they are about, and how many failed, were only shown, or are off."""
    passed = Counter(check.group.lower() for check in report.checks if check.verdict == "passed")
    groups = ", ".join(f"{group} {count}" for group, count in passed.items())
    others = Counter(check.verdict for check in report.checks if check.verdict != "passed")
    said = [f"{passed.total()} checks passed" + (f" ({groups})" if groups else "")]
    # A failure is the first thing to know.
    said += [
        f"{others[verdict]} {_WORDS.get(verdict, verdict)}" for verdict in sorted(others, key=lambda v: v != "failed")
    ]
    return "Gate: " + "; ".join(said)
