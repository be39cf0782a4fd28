"""The page: sections of text, tables and pictures become one HTML file that needs nothing else.

The template escapes whatever it is given: names of columns and categories come from data. Pictures are embedded, styles
are inline, and there is no script, so that the file can be mailed, archived or shown by a tracking server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import jinja2

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Tiles:
    """Key figures: names with values, shown large."""

    kind: ClassVar[str] = "tiles"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header."""

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """How many columns are aligned left; the others hold numbers."""
    marked: frozenset[int] = frozenset()
    """Rows that stand out: what was chosen, or what is wrong."""
    caption: str = ""

    def __post_init__(self) -> None:
        """Refuse rows that do not fit under the header."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"expected {len(self.header)} cells in each row of the table, got {len(row)}: {row}")


@dataclass(frozen=True)
class Picture:
    """An embedded PNG."""

    kind: ClassVar[str] = "picture"
    png: bytes
    alt: str
    """What is seen, for those who don't see it."""
    caption: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Notice:
    """One finding in words."""

    level: Literal["warning", "note"]
    text: str


@dataclass(frozen=True)
class Notices:
    """Findings in words, one under the other."""

    kind: ClassVar[str] = "notices"
    items: tuple[Notice, ...]


@dataclass(frozen=True)
class Card:
    """A picture with a table beside it."""

    kind: ClassVar[str] = "card"
    title: str
    subtitle: str
    picture: Picture
    table: Table


Block = Text | Tiles | Table | Picture | Notices | Card


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in the table of contents; so has each card in it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The section's address within the page."""
        return "s-" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def render_page(title: str, subtitle: str, sections: Sequence[Section], footer: str = "") -> str:
    """Return the page as HTML text.

    Args:
        title: the heading.
        subtitle: one sentence under it.
        sections: in order; their titles must differ.
        footer: how the page was made.

    Raises:
        ValueError: two sections have the same address.
    """
    anchors = [section.anchor for section in sections]
    if len(set(anchors)) != len(anchors):
        raise ValueError(f"expected sections with distinct titles, got {[section.title for section in sections]}")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATE)
    return template.render(title=title, subtitle=subtitle, sections=sections, footer=footer)
