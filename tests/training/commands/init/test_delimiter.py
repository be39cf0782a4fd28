"""The delimiter of a text table."""

from __future__ import annotations

import pytest

from training.commands.init.delimiter import Delimiter, detect_delimiter


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("a,b\n1,2\n", Delimiter(",")),
        ("a;b\n1,5;2\n2,5;3\n", Delimiter(";")),
        ("a\tb\n1,5\t2\n", Delimiter("\t")),
        ("a|b\n1|2\n", Delimiter("|")),
        ("a, b, c\n1, x, 2\n2, y, 3\n", Delimiter(",", blanks_follow=True)),
        ('"a";"b;c"\n"1";"2;3"\n', Delimiter(";")),
        ("sep=;\na;b\n1;2\n", Delimiter(";", hint_line=True)),
        ("only\n1\n2\n", Delimiter(",")),
        ("", Delimiter(",")),
        ("a,b\n1, \n2,x\n", Delimiter(",")),
    ],
)
def test_delimiter_is_found(head: str, expected: Delimiter) -> None:
    """Of the usual delimiters, the one that cuts all rows alike; a cell that is a blank is no blank behind a comma."""
    assert detect_delimiter(head) == expected


def test_target_decides_between_two() -> None:
    """If two characters cut the rows alike, the one whose header has the target wins."""
    head = "place, town;price, euro\nA, B;1, 2\nC, D;3, 4\n"
    assert detect_delimiter(head, "price, euro").character == ";"


def test_cut_last_row_does_not_count() -> None:
    """The head of a large file may end within a row."""
    assert detect_delimiter("a;b,c;d\n1;2;3\n1;2;3\n1").character == ";"


def test_unreadable_rows_are_left_to_the_reader() -> None:
    """A value too long for Python's reader does not stop the search."""
    assert detect_delimiter('a,b\n1,2\n"' + "x" * 200_000 + '",2\n').character == ","
