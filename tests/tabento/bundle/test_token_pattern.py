"""Token patterns: accepted if their search is linear, else refused with a reason."""

from __future__ import annotations

import re

import pytest

from tabento.bundle.token_pattern import TokenPatternError, check_token_pattern, token_finder

ACCEPTED_PATTERNS = (
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
REFUSED_PATTERNS = {
    r"(a+)+": "not allowed",
    r"\w+ \w+": "a repetition without a limit is not the last item",
    r"[a-z]+\b": r"ends with \\b",
    r"a?a?a?a?a?a?a?a?aaaaaaaa": "too many ways",
    r"\w{1,20}\w{1,20}": "too many ways",
    r"[A-Za-z0-9]+(?=\s+)": "not allowed",
    r"\w+?": "not allowed",
    r"\w++": "not allowed",
    r"(?i)[a-z]+": "not allowed",
    r".+": "not allowed",
    r"a|b": "not allowed",
    r"(\w+)": "not allowed",
    r"\1": "not allowed",
    r"[a-": "not allowed",
    r"[z-a]": "not a regular expression",
    r"\w{3,2}": "not within",
    r"\w{101}": "not within",
    "": "no character",
    r"\b\b": "not allowed|no character",
    "x" * 101: "101 characters",
}


@pytest.mark.parametrize("pattern", ACCEPTED_PATTERNS)
def test_a_linear_pattern_is_accepted(pattern: str) -> None:
    """An accepted pattern finds the tokens that Python's ``re`` finds, called as scikit-learn calls it."""
    text = "A naïve co-op: $12 #tag don't x_1 abx ABC \x00 日本語 10"
    assert token_finder(pattern)(text) == re.compile(pattern).findall(text)


@pytest.mark.parametrize("pattern", REFUSED_PATTERNS)
def test_another_pattern_is_refused_with_a_reason(pattern: str) -> None:
    """The error about a slow pattern, or one that is more than a sequence of sets, is a sentence."""
    with pytest.raises(TokenPatternError, match=REFUSED_PATTERNS[pattern]):
        check_token_pattern(pattern)


@pytest.mark.parametrize("pattern", ACCEPTED_PATTERNS)
def test_the_search_is_linear(pattern: str) -> None:
    """Texts of one letter, or of a letter and a blank, are searched in linear time."""
    for piece in ("a", "a ", "ab", "a1", "_", "$1"):
        token_finder(pattern)(piece * 200_000)
