"""Token patterns: what people write is taken if its search is linear, and all else is refused with a reason."""

from __future__ import annotations

import re

import pytest

from bundle.token_pattern import TokenPatternError, check_token_pattern, token_finder

TAKEN = (
    r"(?u)\b\w\w+\b",
    r"(?u)\b\w+\b",
    r"\w+",
    r"\w{1,}",
    r"\b[a-zA-Z]{3,}\b",
    r"[a-z]+",
    r"\S+",
    r"[^\W\d_]+",
    r"\b[^\d\W]+\b",
    r"(?u)\b[a-z0-9_]{2,}\b",
    r"[\w']+",
    r"#\w+",
    r"[^ ]+",
    r"\b[a-z]{2,3}x\b",
    r"\$\d{1,3}",
)
REFUSED = {
    r"(a+)+": "not taken",
    r"\w+ \w+": "something follows a repetition without a limit",
    r"[a-z]+\b": r"ends with \\b",
    r"a?a?a?a?a?a?a?a?aaaaaaaa": "too many ways",
    r"\w{1,20}\w{1,20}": "too many ways",
    r"[A-Za-z0-9]+(?=\s+)": "not taken",
    r"\w+?": "not taken",
    r"\w++": "not taken",
    r"(?i)[a-z]+": "not taken",
    r".+": "not taken",
    r"a|b": "not taken",
    r"(\w+)": "not taken",
    r"\1": "not taken",
    r"[a-": "not taken",
    r"[z-a]": "not a regular expression",
    r"\w{3,2}": "not within",
    r"\w{101}": "not within",
    "": "no character",
    r"\b\b": "not taken|no character",
    "x" * 101: "101 characters",
}


@pytest.mark.parametrize("pattern", TAKEN)
def test_a_linear_pattern_is_taken(pattern: str) -> None:
    """It finds what Python's ``re`` finds, as scikit-learn asks it."""
    text = "A naïve co-op: $12 #tag don't x_1 abx ABC \x00 日本語 10"
    assert token_finder(pattern)(text) == re.compile(pattern).findall(text)


@pytest.mark.parametrize("pattern", REFUSED)
def test_another_pattern_is_refused_with_a_reason(pattern: str) -> None:
    """Whatever could take long, or is more than a sequence of sets, is told in words."""
    with pytest.raises(TokenPatternError, match=REFUSED[pattern]):
        check_token_pattern(pattern)


@pytest.mark.parametrize("pattern", TAKEN)
def test_the_search_is_linear(pattern: str) -> None:
    """Texts of one letter, or of a letter and a blank, are searched at once; a quadratic search would take minutes."""
    for piece in ("a", "a ", "ab", "a1", "_", "$1"):
        token_finder(pattern)(piece * 200_000)
