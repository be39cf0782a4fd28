"""The table of the faults, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

BEGIN, END = "<!-- failed starts: begin -->", "<!-- failed starts: end -->"
TEXT_LIMIT = 260
"""The largest number of characters of a cell; the JSON file has the whole text."""


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table: for each fault the outcome and the line that tells it. A cell for both servers if they say the same."""
    rows = ["| fault | outcome | the line |", "| --- | --- | --- |"]
    for fault in results["faults"].values():
        starts = fault["starts"]
        outcomes = dict.fromkeys(start["outcome"] for start in starts)
        lines = dict.fromkeys(shorten(start["line"]) for start in starts)
        rows.append(f"| {fault['title']} | {'<br>'.join(outcomes)} | {'<br>'.join(lines)} |")
        rows += [
            f"| **failed** ({start['server']}): {shorten(text)} | | |" for start in starts for text in start["failed"]
        ]
    return "\n".join(rows)


def shorten(text: str) -> str:
    """Return a text for one cell: without paths, checksums and ports of one run, and not too long."""
    text = re.sub(r"/(?:[\w.-]+/)*failed-starts-[\w.-]+/", "", text)
    text = re.sub(r"/(?:[\w.-]+/)*configs/", "configs/", text)
    text = re.sub(r"\b[0-9a-f]{16,}\b", "…", text)
    text = re.sub(r"(\b(?:grpc_)?port |:)\d{5}\b", r"\g<1>N", text)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1].rstrip() + "…"
