"""The page: one self-contained HTML file from sections of text, tables and pictures.

The template escapes every value, because names of columns and categories are from the data. Pictures are embedded, styles are
inline, and there are no scripts, so the file can be mailed, archived or shown by a tracking server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jinja2

from training.studies.texts import Notice

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Tiles:
    """Key numbers: names with values in large type."""

    kind: ClassVar[str] = "tiles"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header."""

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """The number of left-aligned columns; the other columns have numbers."""
    marked: frozenset[int] = frozenset()
    """The highlighted rows: the selected row, or the rows with a problem."""
    caption: str = ""

    def __post_init__(self) -> None:
        """Raise an error if a row and the header have different lengths."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"expected {len(self.header)} cells in each row of the table, got {len(row)}: {row}")


@dataclass(frozen=True)
class Picture:
    """An embedded PNG."""

    kind: ClassVar[str] = "picture"
    png: bytes
    alt: str
    """The description of the picture for readers who cannot see it."""
    caption: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Notices:
    """Findings as a list of sentences."""

    kind: ClassVar[str] = "notices"
    items: tuple[Notice, ...]


@dataclass(frozen=True)
class Card:
    """A picture with a table on its right."""

    kind: ClassVar[str] = "card"
    title: str
    subtitle: str
    picture: Picture
    table: Table


Block = Text | Tiles | Table | Picture | Notices | Card


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in the table of contents, as has each of its cards."""

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
        sections: the sections in order, with distinct titles.
        footer: the origin of the page.

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
