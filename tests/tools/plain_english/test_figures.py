"""The figures count words, names and lengths as their module's docstring says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.plain_english.figures import (
    Figures,
    Length,
    by_folder,
    count_fused_what,
    count_text,
    count_where_for_if,
    is_adverb,
    is_pronoun,
)
from tools.plain_english.prose import Passage
from tools.plain_english.report import report_lines

SOURCE = '''"""If a row is missing, say what it costs. What is a row?"""


def given(row):
    """Return None where it is empty; see `if`."""
    total = row
    return total
'''


def passage(sentence: str) -> Passage:
    """Return a sentence as a docstring."""
    return Passage(sentence, "docstring", 1)


def test_a_file_is_counted() -> None:
    """Words, the three rates, names and the longest function come from one reading of the file."""
    figures = count_text(Path("rooms/example.py"), SOURCE)
    assert figures == Figures(
        words=20,
        fused_what=1,
        if_words=1,
        where_for_if=1,
        names=4,
        pronouns=1,
        adverbs=0,
        functions=(Length(4, "rooms/example.py:4 given"),),
        files=(Length(7, "rooms/example.py"),),
    )


@pytest.mark.parametrize(
    ("sentence", "count"),
    [
        ("Return what a row costs.", 1),
        ("What does a row cost?", 0),
        ("What is it? Return what it is.", 1),
        ("Return the cost of a row.", 0),
    ],
)
def test_a_what_is_fused_outside_of_questions(sentence: str, count: int) -> None:
    """Direct questions are left out, everything else is counted."""
    assert count_fused_what(passage(sentence)) == count


@pytest.mark.parametrize(
    "sentence",
    [
        "Return None where there is none.",
        "The row is dropped where the config says so.",
        "Where a file is missing, it is loaded.",
    ],
)
def test_a_where_for_a_condition_is_counted(sentence: str) -> None:
    """A clause that could begin with "if" counts."""
    assert count_where_for_if(passage(sentence)) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "The folder where bundles are kept.",
        "Say where the value comes from.",
        "Say from where it is read.",
        "Where the first row begins.",
        "It is looked up where the bundle is stored.",
    ],
)
def test_a_where_of_a_place_is_not_counted(sentence: str) -> None:
    """Nouns of places, questions for a place and verbs of place make it a place."""
    assert count_where_for_if(passage(sentence)) == 0


def test_names_are_pronouns_or_adverbs_only_if_they_are_bare() -> None:
    """A participle with a noun is a name, a noun in -ed is one too."""
    assert [*map(is_pronoun, ("given", "whole", "given_rows", "row", "packed"))] == [True, True, False, False, False]
    assert [*map(is_adverb, ("packed", "beside", "seed", "packed_rows", "given"))] == [True, True, False, False, False]


def test_sums_keep_the_longest() -> None:
    """The sum of groups adds their counts and keeps the three longest files."""
    groups = [Figures(words=1, files=(Length(lines, f"{lines}.py"),)) for lines in (1, 5, 3, 4)]
    total = sum(groups, Figures())
    assert total.words == 4
    assert [length.lines for length in total.files] == [5, 4, 3]


def test_folders_are_grouped_to_a_depth() -> None:
    """Files below the depth count for their folder at the depth; those of the root have a line of their own."""
    figures = {Path(name): Figures(words=1) for name in ("a/b/c/d.py", "a/b/e.py", "a/f.py", "g.py")}
    assert {name: group.words for name, group in by_folder(figures, 2).items()} == {".": 1, "a": 1, "a/b": 2}


def test_the_report_has_a_line_for_each_group() -> None:
    """Folders come first, then the code without tests, the total and the packages, with rates in thousand words."""
    folders = {
        "code": Figures(words=1000, if_words=7, names=100, pronouns=1),
        "tests": Figures(words=1000, fused_what=2),
    }
    lines = {line[:20].strip(): line[20:].split() for line in report_lines(folders, {"starlette": Figures()})}
    assert lines["code without tests"] == ["1,000", "0.0", "7.0", "0.0", "100", "10.0", "0.0"]
    assert lines["total"] == ["2,000", "1.0", "3.5", "0.0", "100", "10.0", "0.0"]
    assert lines["starlette"][1:4] == ["0.0", "0.0", "0.0"]
