"""Markdown that cannot be broken by what stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def bullets(lines: Iterable[str]) -> str:
    """Return a list; a sentence that was written over several lines becomes one."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def lowered(text: str) -> str:
    """Return Markdown with its headings two levels lower, so that it fits under a heading of a card."""
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in text.strip().splitlines())


def join_parts(parts: Iterable[str]) -> str:
    """Return the parts that are not empty, with blank lines between them."""
    return "\n\n".join(part for part in parts if part) + "\n"


def figure(value: float) -> str:
    """Write a number with the digits that matter: thousands without a fraction, else four digits."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
