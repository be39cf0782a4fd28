"""The table of the faults, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

BEGIN, END = "<!-- rollout faults: begin -->", "<!-- rollout faults: end -->"
TEXT_LIMIT = 220
"""The largest number of characters of a cell; the JSON file has the whole text."""


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table: for each fault the account of the service, the answers, and the recovery."""
    lines = [
        "| fault | reason | health | metric | answers, wrong, of a wrong version | failed | recovered |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results["faults"]:
        seconds = result["recovered_s"]
        cells = (
            result["title"],
            shorten(result["reason"]) or "–",
            shorten(result["health"]) or "healthy",
            "<br>".join(f"`{shorten(metric)}`" for metric in fault_metrics(result["metrics"])) or "–",
            f"{result['answered']:,}, {result['wrong']}, {result['foreign']}",
            failures(result["errors"]),
            recovery(seconds, result["end_s"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
        lines += [f"| **failed**: {shorten(text)} | | | | | | |" for text in result["failed"]]
    return "\n".join(lines)


def fault_metrics(metrics: Sequence[str]) -> list[str]:
    """Return the metrics that name a fault: bundles that were looked for in the model store are not one."""
    return [metric for metric in metrics if 'source="local"' not in metric]


def recovery(seconds: float | None, end_s: float | None) -> str:
    """Return the seconds until the wanted version was live, and until the service had ended."""
    end = "" if end_s is None else f"ended in {end_s:.1f} s, next answer after "
    return end + ("–" if seconds is None else f"{seconds:.1f} s")


def failures(errors: Mapping[str, int]) -> str:
    """Return the failed requests by reason."""
    return ", ".join(f"{count} {reason}" for reason, count in errors.items()) or "0"


def shorten(text: str) -> str:
    """Return a text for one cell: without paths and checksums of one run, and not too long."""
    text = re.sub(r"/(?:[\w.-]+/)*rollout-faults-(?:[\w.-]+/)+", "", text)
    text = re.sub(r"\b[0-9a-f]{16,}\b", "…", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", text).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1].rstrip() + "…"
