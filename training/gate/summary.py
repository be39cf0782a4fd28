"""The gate's report in one line: the number of passed checks. The failed checks follow in full, in the error that ends the run."""

from __future__ import annotations

from collections import Counter

from training.gate.report import GateReport

_WORDS = {"failed": "failed", "shown": "only shown", "off": "switched off"}


def summary_line(report: GateReport) -> str:
    """Return the number of passed checks by group, and the numbers of failed, unlimited and disabled checks."""
    passed = Counter(check.group.lower() for check in report.checks if check.verdict == "passed")
    groups = ", ".join(f"{group} {count}" for group, count in passed.items())
    counts = Counter(check.verdict for check in report.checks if check.verdict != "passed")
    parts = [f"{passed.total()} checks passed" + (f" ({groups})" if groups else "")]
    # Failures are listed first.
    parts += [
        f"{counts[verdict]} {_WORDS.get(verdict, verdict)}" for verdict in sorted(counts, key=lambda v: v != "failed")
    ]
    return "Gate: " + "; ".join(parts)
