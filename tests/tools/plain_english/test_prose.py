"""Prose is cut out of Python files, documents and settings files, each passage with its line."""

from __future__ import annotations

import ast
from pathlib import PurePath

from tools.plain_english.prose import Passage, document_passages, python_passages, without_code

SOURCE = '''"""A module.

    Its second paragraph.
"""

LIMIT = 3  # rows
"""The limit."""


def fail(name):
    """Raise."""
    # A long comment
    # on two lines.  # noqa: S101
    raise ValueError(f"Expected # a number, got {name}: " "see the docs.")
'''


def passages(text: str) -> list[Passage]:
    """Return the passages of a Python file."""
    return list(python_passages(ast.parse(text), text))


def test_docstrings_are_those_of_modules_functions_and_assignments() -> None:
    """Each docstring is a passage without indentation, with the line on which it begins."""
    docstrings = [passage for passage in passages(SOURCE) if passage.source == "docstring"]
    assert [(passage.line, passage.text) for passage in docstrings] == [
        (1, "A module.\n\nIts second paragraph.\n"),
        (7, "The limit."),
        (11, "Raise."),
    ]


def test_a_message_is_one_passage() -> None:
    """The pieces of an f-string are joined, with a mark in place of each value."""
    messages = [passage.text for passage in passages(SOURCE) if passage.source == "message"]
    assert messages == ["Expected # a number, got …: see the docs."]


def test_comments_on_lines_that_follow_each_other_are_one_passage() -> None:
    """A wrapped comment is one passage, without directives to tools; a ``#`` in a string is not a comment."""
    comments = [passage for passage in passages(SOURCE) if passage.source == "comment"]
    assert [(passage.line, passage.text.split()) for passage in comments] == [
        (6, ["rows"]),
        (12, ["A", "long", "comment", "on", "two", "lines."]),
    ]


def test_code_is_blanked() -> None:
    """Code between backticks is removed, its line breaks stay."""
    assert without_code("a ``given`` b `found` c\n```\nanew\n```\nd").split() == ["a", "b", "c", "d"]
    assert without_code("a\n```\nanew\n```\nd").count("\n") == 4


def test_a_document_is_one_passage() -> None:
    """A document is read as a whole, without headings that are questions."""
    (passage,) = document_passages(PurePath("docs/a.md"), "# What is not measured\nText.\n")
    assert passage.text.split() == ["Text."]


def test_of_a_settings_file_the_comments_are_read() -> None:
    """A value is not prose, and ``#`` inside a word does not begin a comment."""
    comments = list(document_passages(PurePath("a.yaml"), "a: b#c\n# A comment\nd: e  # Another\n"))
    assert [(passage.line, passage.text) for passage in comments] == [(2, "A comment"), (3, "Another")]


def test_other_files_have_no_prose() -> None:
    """A file of numbers yields nothing."""
    assert list(document_passages(PurePath("a.csv"), "# anew\n")) == []
