"""Patterns of identifiers: accepted patterns, their matches, and refused patterns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.bundle.pattern import PATTERN_CHARACTERS_LIMIT, Pattern, PatternError


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"USR[0-9]+", ["USR1", "USR0042"], ["", "USR", "usr1", "xUSR1", "USR1x", "USR1\n", "USR١"]),
        (r"USR.*", ["USR", "USR 1", "USRé"], ["US", "AUSR", "USR\u2028"]),
        (r"\d{4}-[A-HVZ]{5}", ["7590-VHVEG"], ["7590-VHVE", "7590-vhveg", "٧590-VHVEG"]),
        (r"a|bc", ["a", "bc"], ["abc", "ac", ""]),
        (r"(?:ab){2,}c?", ["abab", "abababc"], ["ab", "ababcc"]),
        (r"\w+\.\w{2,3}", ["a_1.de"], ["a.b", "ab"]),
        (r"[^a-c]", ["d", "é", "^"], ["a", "b", "\n", "\x7f"]),
        (r"[a\-\]\\&&~~[]", ["a", "-", "]", "\\", "&", "~", "["], ["b"]),
        (r"[\d-]+", ["1-2"], ["a"]),
        (r"[%&-'&&-*]+", ["%&'*"], ["+"]),
        (r"]}/:~@é", ["]}/:~@é"], ["]"]),
        (r"", [""], ["a"]),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, right: list[str], wrong: list[str]) -> None:
    """A pattern matches from the first character to the last, and Python's `re` reads it as Rust does."""
    compiled = Pattern(pattern)
    assert [text for text in right + wrong if compiled.matches(text)] == right
    # In Python a dollar sign matches before a line end as well.
    in_python = re.compile(compiled.source.removesuffix("$") + r"\Z")
    assert [text for text in right + wrong if in_python.match(text)] == right


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"^USR", "remove \\^ and \\$"),
        (r"USR$", "at character 4"),
        (r"(?=a)b", "no look-around"),
        (r"(?i)usr", "no look-around, names or flags"),
        (r"(?P<a>b)", "no look-around, names or flags"),
        (r"(a)\1", r"\\1 is not allowed"),
        (r"\bUSR", r"\\b is not allowed"),
        (r"\s", r"\\s is not allowed"),
        ("\\", "is not allowed"),
        (r"(a", "a group is not closed"),
        (r"a)", "no opening one"),
        (r"[a", "a set is not closed"),
        (r"[]a]", "the set is empty"),
        (r"[^]", "the set is empty"),
        (r"[z-a]", "end before its start"),
        (r"[\d-x]", "end before its start"),
        (r"*a", "nothing that '\\*' could repeat"),
        (r"a{,3}", "nothing that '{' could repeat"),
        (r"a{3,2}", "maximum below its minimum"),
        (r"a**", "a repetition follows a repetition"),
        (r"a+?", "a repetition follows a repetition"),
        ("a\tb", "no control characters"),
        ("[a\n]", "no control characters"),
        ("[ -é]", "write two ranges"),
        ("\\\ud800", "no control characters"),
        (r"(((a{99}){99}){99}){99}", "repeats too much"),
        (r"a{1001}", "repeats too much"),
        (r"(a{0,999}|b{999})c", "repeats too much"),
        ("(" * 12 + ")" * 12, "nested more than 10 deep"),
        ("a" * (PATTERN_CHARACTERS_LIMIT + 1), "has 201 characters"),
    ],
)
def test_a_pattern_beyond_the_common_part_is_refused(pattern: str, message: str) -> None:
    """The error names the position of malformed, slow and ambiguous syntax."""
    with pytest.raises(PatternError, match=message):
        Pattern(pattern)


@given(st.text("ab01-.[](){}|?*+^$\\dwé&~,/", max_size=12), st.text("ab01-.é&~[", max_size=6))
def test_what_is_taken_means_the_same_in_rust_and_python(pattern: str, text: str) -> None:
    """A pattern is refused with our message, or both engines agree on every text."""
    try:
        compiled = Pattern(pattern)
    except PatternError:
        return
    assert compiled.matches(text) == bool(re.match(compiled.source.removesuffix("$") + r"\Z", text))


@pytest.mark.parametrize("pattern", [r"(a*)*b", r"(a|a|aa)+b", r"([a-z]*)*\.([a-z]+)+", r"(a?){400}a{400}"])
def test_a_pattern_that_is_exponential_elsewhere_is_matched_at_once(pattern: str) -> None:
    """Patterns on which backtracking would not end are answered; without an answer this test would never end."""
    assert not Pattern(pattern).matches("a" * 200 + "!")


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        (r"USR[0-9]+", "USR0"),
        (r"\d{4}-[A-HVZ]{5}", "0000-AAAAA"),
        (r"a*", "a"),
        (r"a*b?", "ab"),
        (r"(|x|y){0,3}", "x"),
        (r"a{0,0}b", "b"),
        (r"[^ -~]", "\xa0"),
        (r".", "x"),
        (r"", ""),
        (r"a{0,0}", ""),
    ],
)
def test_a_pattern_has_an_example_that_fits(pattern: str, example: str) -> None:
    """The example is short, and not empty unless nothing else was found."""
    compiled = Pattern(pattern)
    assert compiled.example == example
    assert compiled.matches(example)


@given(st.text("ab0-.[](){}|?*+^\\dw,", max_size=12))
def test_every_example_fits(pattern: str) -> None:
    """The example of every accepted pattern is a text that the pattern matches."""
    try:
        compiled = Pattern(pattern)
    except PatternError:
        return
    assert compiled.matches(compiled.example)
