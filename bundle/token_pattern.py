"""Token patterns: the regular expressions that split a text into words, checked so that none can take very long.

A text comes from a client, and Python's ``re`` can need a time that grows with a power of the text's length. So only
patterns are taken whose search is linear: one sequence of characters and sets, at most one of them repeated without a
limit, and nothing behind that repetition that could fail again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PATTERN_CHARACTERS_LIMIT = 100
"""How long a token pattern may be."""
REPETITION_LIMIT = 100
"""How often a repetition with a limit, such as ``{2,50}``, may repeat."""
WAYS_LIMIT = 200
"""In how many ways the repetitions with a limit may share one piece of text: Python's ``re`` may try each."""

_SET = r"\[\^?(?:\\[wdsWDS\-\]\[\\^.]|[^\[\]\\])+\]"
_ITEM = re.compile(rf"(?P<atom>\\[wdsWDS]|\\[^\w\s]|{_SET}|[^\\\[\](){{}}.*+?|^$])(?P<times>[*+?]|\{{\d+(?:,\d*)?\}})?")
_WORD_SET = re.compile(
    r"\[(?:\\[wd]|_|[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9])+\]|\[\^(?:\\d|_|[A-Za-z0-9])*\\W(?:\\d|_|[A-Za-z0-9])*\]"
)


class TokenPatternError(ValueError):
    """A token pattern is not one that is searched in linear time; the message says why."""


def check_token_pattern(pattern: str) -> None:
    """Check that a token pattern is searched in a time that grows linearly with the text.

    Taken are an optional ``(?u)``, an optional ``\\b``, then characters, ``\\w``, ``\\d``, ``\\s``, ``\\S`` and sets such
    as ``[a-z]``, each with an optional repetition, then an optional ``\\b``. One item at most is repeated without a
    limit, and only ``\\b`` or nothing follows it.

    Raises:
        TokenPatternError: it is another one.
    """
    if len(pattern) > PATTERN_CHARACTERS_LIMIT:
        raise TokenPatternError(f"it has {len(pattern)} characters, and at most {PATTERN_CHARACTERS_LIMIT} are taken")
    body = pattern.removeprefix("(?u)")
    starts_at_word = body.startswith(r"\b")
    body = body.removeprefix(r"\b")
    ends_at_word = body.endswith(r"\b") and not body.endswith(r"\\b")
    body = body.removesuffix(r"\b") if ends_at_word else body
    atoms, unlimited = [], []
    position, ways = 0, 1
    while position < len(body):
        match = _ITEM.match(body, position)
        if match is None:
            raise TokenPatternError(f"it has {body[position : position + 8]!r}, which is not taken")
        position = match.end()
        atoms.append(match["atom"])
        least, most = _repetition(match["times"])
        unlimited.append(most is None)
        ways *= 1 if most is None else most - least + 1
    if not atoms:
        raise TokenPatternError("it has no character")
    if ways > WAYS_LIMIT:
        raise TokenPatternError("its repetitions can share a text in too many ways")
    if any(unlimited[:-1]):
        raise TokenPatternError("something follows a repetition without a limit")
    if ends_at_word:
        words = [atom in (r"\w", r"\d") or _WORD_SET.fullmatch(atom) is not None for atom in atoms]
        # A word begins at one place only, so each word is read once. Behind all of \w a word always ends.
        once = starts_at_word and all(words)
        if not once and any(unlimited) and atoms[-1] != r"\w":
            raise TokenPatternError(r"it ends with \b behind characters that need not be those of a whole word")
    try:
        re.compile(pattern)
    except re.error as error:
        raise TokenPatternError(f"it is not a regular expression: {error}") from error


def token_finder(pattern: str) -> Callable[[str], list[str]]:
    """Return what finds all tokens of a text, in order.

    Raises:
        TokenPatternError: the pattern is not taken.
    """
    check_token_pattern(pattern)
    return re.compile(pattern).findall


def _repetition(times: str | None) -> tuple[int, int | None]:
    """Return how often an item is repeated at least and at most, None for no limit.

    Raises:
        TokenPatternError: it repeats too often, or ends before it begins.
    """
    if times is None:
        return 1, 1
    if times in ("?", "*", "+"):
        return int(times == "+"), 1 if times == "?" else None
    least, comma, most = times[1:-1].partition(",")
    low, high = int(least), int(most or least)
    if not low <= high <= REPETITION_LIMIT:
        raise TokenPatternError(f"its repetition {times} is not within 0 and {REPETITION_LIMIT}")
    return low, None if comma and not most else high
