"""Tests of the HTML page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from training.report.page import Card, Notices, Picture, Section, Table, Text, Tiles, render_page
from training.studies.texts import Notice

PNG = b"\x89PNG not really"
VOID = {"meta", "img", "br", "link"}


class _Balanced(HTMLParser):
    """Checks that elements close in the order in which they were opened, and gathers addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        notices = dict(attrs)
        self.ids += [notices["id"] or ""] if "id" in notices else []
        self.links += [notices["href"] or ""] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _page() -> str:
    table = Table(("Name", "Value"), (("a", "1"), ("<b>", "2")), marked=frozenset({1}), caption="Two rows.")
    picture = Picture(PNG, "a picture", "what it shows")
    return render_page(
        "Title & more",
        "Subtitle",
        [
            Section("First part", (Text("x < y"), Tiles((("rows", "12"),)), table, picture)),
            Section("Second", (Notices((Notice("warning", "<script>alert(1)</script>"),)),)),
            Section("Cards", (Card("one", "sub", picture, table), Card("two", "sub", picture, table))),
        ],
        "The end.",
    )


def test_the_page_is_well_formed_and_its_contents_have_targets() -> None:
    """Elements are balanced, and each entry of the table of contents has its target."""
    parser = _Balanced()
    parser.feed(_page())
    assert parser.open == []
    assert [link.removeprefix("#") for link in parser.links] == [
        "s-first-part",
        "s-second",
        "s-cards",
        "s-cards-1",
        "s-cards-2",
    ]
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)
    assert len(parser.ids) == len(set(parser.ids))


def test_texts_of_data_are_escaped() -> None:
    """A category that is a script is text on the page."""
    page = _page()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<td class="left">&lt;b&gt;</td>' in page


def test_the_page_needs_no_network() -> None:
    """The page has only internal addresses and embedded pictures."""
    page = _page()
    assert "http" not in page.replace("http-equiv", "")
    assert 'src="data:image/png;base64,' in page


def test_marked_rows_are_highlighted() -> None:
    """Exactly the marked row has the class."""
    assert _page().split("<h2>Second")[0].count('<tr class="marked">') == 1


def test_sections_with_one_address_are_refused() -> None:
    """Two sections with one title are an error."""
    with pytest.raises(ValueError, match="distinct titles"):
        render_page("t", "s", [Section("A b", ()), Section("a-b", ())])


def test_a_row_of_another_length_is_refused() -> None:
    """A row with more cells than the header is an error."""
    with pytest.raises(ValueError, match="expected 2 cells"):
        Table(("a", "b"), (("1",),))
