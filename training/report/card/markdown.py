"""Markdown of the cards: the environment of the Jinja templates in this folder, and filters that escape texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import jinja2

from tabento.bundle.numbers import number_text

SECTIONS_TEMPLATE = "sections.md.j2"
"""The macros of the sections that both cards, or other pages, have."""


def render_template(name: str, **values: object) -> str:
    """Return a card: the template with its values, one line break at the end.

    Args:
        name: the file of the template in this folder.
        **values: the variables of the template; a variable without a value is an error.
    """
    return _environment().get_template(name).render(**values).rstrip("\n") + "\n"


def render_section(macro: str, *values: object) -> str:
    """Return one section without line breaks around it.

    Args:
        macro: the macro of ``sections.md.j2``.
        *values: its arguments.
    """
    module = _environment().get_template(SECTIONS_TEMPLATE).module
    return str(getattr(module, macro)(*values)).strip("\n")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars, tags and line breaks in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def bullets(lines: Iterable[str]) -> str:
    """Return a list; a sentence that is written over several lines becomes one line."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def lower_headings(text: str) -> str:
    """Return Markdown with its headings two levels lower, so that it fits under a heading of a card."""
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in text.strip().splitlines())


def join_lines(text: str) -> str:
    """Return the lines of a text that are not empty as one paragraph."""
    return " ".join(line for line in text.split("\n") if line)


def format_number(value: float) -> str:
    """Write a number with the digits that matter: thousands without a fraction, else four digits."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701  # Markdown; cells and bullets are escaped by the filters below
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bullets": bullets,
        "join_lines": join_lines,
        "lower_headings": lower_headings,
        "number": format_number,
        "plain_number": number_text,
        "thousands": lambda value: f"{value:,}",
        "grouped": lambda value: number_text(value, grouped=True),
        "code": lambda names: [f"`{name}`" for name in names],
        "format_as": lambda value, specification: format(value, specification),
        "table": lambda rows, *head: markdown_table(head, rows),
    }
    return environment
