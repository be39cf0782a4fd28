"""The lint refuses the listed names and phrases, and no plain sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.plain_english.lint import check_file, check_text
from tools.plain_english.names import ANYWHERE, NAMES, _table


def messages(text: str, file: str = "tabento/example.py") -> list[str]:
    """Return the findings in a text as they are printed."""
    return [str(finding) for finding in check_text(Path(file), text)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def run(given): ...", "parameter 'given'"),
        ("def part_ways(): ...", "function 'part_ways'"),
        ("class _Heard: ...", "class '_Heard'"),
        ("for at in []: pass", "variable 'at'"),
        ("class Row:\n    told: int", "attribute 'told'"),
        ("self.asked = 3", "attribute 'asked'"),
        ("FOUND = 3", "variable 'FOUND'"),
        ("def packed(): ...", "function 'packed'"),
    ],
)
def test_a_refused_name_is_reported_with_its_place(text: str, named: str) -> None:
    """The finding has the file, the line, the kind, the name and advice."""
    (message,) = messages(text)
    assert message.startswith("tabento/example.py:")
    assert named in message
    assert "; use " in message


def test_a_file_with_a_refused_name_is_reported() -> None:
    """A file is named by a noun, so ``tried.py`` is refused on its first line."""
    (message,) = messages("", "tabento/parity/tried.py")
    assert message.startswith("tabento/parity/tried.py:1: module 'tried'")


@pytest.mark.parametrize(
    "text",
    [
        "lines = text.splitlines()",
        "worst = max(differences)",
        "packed = pack(rows)",
        "class Report:\n    refused: int",
        "class Check:\n    @property\n    def passed(self): ...",
        "given_header = row.given",
        "run(found=3)",
    ],
)
def test_a_name_that_its_place_makes_clear_is_accepted(text: str) -> None:
    """Words that are ambiguous are refused as names of classes, functions and files only."""
    assert messages(text) == []


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("The folds are drawn anew.", "anew"),
        ("Return a row, or None where it is empty.", "None where"),
        ("A header that stands\n    twice is an error.", "stands twice"),
        ("The file is no YAML.", "is no YAML"),
        ("A row is dear.", "dear"),
        ("Nobody waits for ever.", "for ever"),
        ("It falls short of the target.", "falls short"),
        ("Requests wait at the door.", "at the door"),
        ("The doorman refuses.", "doorman"),
        ("Drop what is not known.", "what is not"),
        ("Pipeline and graph part ways.", "part ways"),
    ],
)
def test_a_refused_phrase_is_reported(sentence: str, words: str) -> None:
    """The finding quotes the phrase, also across lines, in docstrings and comments alike."""
    (in_docstring,) = messages(f'def run():\n    """{sentence}"""')
    assert f'docstring says "{words}"; write ' in in_docstring
    (in_comment,) = messages("# " + sentence.replace("\n    ", "\n# "))
    assert f'comment says "{words}"; write ' in in_comment


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no file of this name.",
        "The service is no longer ready.",
        "What does a refusal cost?",
        "What is measured here?",
        "The folder where the bundle is stored.",
        "If it is not known, the row is refused.",
        "The setting `doorman` switches the fast path off.",
        "A process that hangs on startup is ended.",
        "A step of no more than one second.",
    ],
)
def test_a_plain_sentence_is_accepted(sentence: str) -> None:
    """Neighbours of the refused phrases, and code between backticks, are no findings."""
    assert messages(f'"""{sentence}"""') == []
    assert messages(sentence, "docs/example.md") == []


def test_a_finding_names_the_line_of_the_phrase() -> None:
    """A phrase on the third line of a docstring is reported there, also behind code of several lines."""
    assert messages('"""One.\n\nTwo anew.\n"""')[0].startswith("tabento/example.py:3: ")
    assert messages("```\ncode\n```\nTwo anew.\n", "docs/a.md")[0].startswith("docs/a.md:4: ")


def test_the_files_of_the_lint_may_quote_phrases() -> None:
    """The tables and tests of the lint quote refused phrases; their names are checked as any other."""
    assert messages('"""anew"""', "tools/plain_english/phrases.py") == []
    assert len(messages("given = 1", "tools/plain_english/phrases.py")) == 1


def test_findings_come_in_the_order_of_lines(tmp_path: Path) -> None:
    """Names and phrases of a file are sorted together, and equal findings are one."""
    (tmp_path / "a.py").write_text('"""Fit anew."""\ngiven = 1\n# Fit anew, and anew.\n', encoding="utf-8")
    assert [finding.line for finding in check_file(Path("a.py"), tmp_path)] == [1, 2, 3]


def test_each_name_is_listed_once() -> None:
    """A name in two groups of the table is an error, since one of its entries would be lost."""
    with pytest.raises(ValueError, match="'given' twice"):
        _table((ANYWHERE, {"given found": "a"}), (ANYWHERE, {"given": "b"}))
    assert all(name == name.lower() and rule.advice for name, rule in NAMES.items())
