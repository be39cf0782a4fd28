"""Token patterns: the regular expressions that split a text into words, checked so that no search takes very long.

A client sends the text, and Python's ``re`` can need a time that grows with a power of the text's length. So only patterns
with a linear search are accepted: one sequence of characters and sets, at most one of them repeated without a limit, and
nothing after that repetition that can fail repeatedly.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PATTERN_CHARACTERS_LIMIT = 100
"""The largest length of a token pattern."""
REPETITION_LIMIT = 100
"""The largest number of a repetition with a limit, such as ``{2,50}``."""
WAYS_LIMIT = 200
"""The largest number of ways in which the repetitions with a limit can share a text: Python's ``re`` can try each."""

_SET = r"\[\^?(?:\\[wdsWDS\-\]\[\\^.]|[^\[\]\\])+\]"
_ITEM = re.compile(rf"(?P<atom>\\[wdsWDS]|\\[^\w\s]|{_SET}|[^\\\[\](){{}}.*+?|^$])(?P<times>[*+?]|\{{\d+(?:,\d*)?\}})?")
_WORD_SET = re.compile(
    r"\[(?:\\[wd]|_|[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9])+\]|\[\^(?:\\d|_|[A-Za-z0-9])*\\W(?:\\d|_|[A-Za-z0-9])*\]"
)


class TokenPatternError(ValueError):
    """The search of a token pattern is not linear; the message names the reason."""


def check_token_pattern(pattern: str) -> None:
    """Check that a token pattern is searched in a time that grows linearly with the text.

    Accepted are an optional ``(?u)``, an optional ``\\b``, then characters, ``\\w``, ``\\d``, ``\\s``, ``\\S`` and sets such
    as ``[a-z]``, each with an optional repetition, then an optional ``\\b``. At most one item is repeated without a
    limit, and only ``\\b`` or nothing follows it.

    Raises:
        TokenPatternError: the pattern has another form.
    """
    if len(pattern) > PATTERN_CHARACTERS_LIMIT:
        raise TokenPatternError(f"it has {len(pattern)} characters, and at most {PATTERN_CHARACTERS_LIMIT} are allowed")
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
            raise TokenPatternError(f"it has {body[position : position + 8]!r}, which is not allowed")
        position = match.end()
        atoms.append(match["atom"])
        minimum, maximum = _repetition(match["times"])
        unlimited.append(maximum is None)
        ways *= 1 if maximum is None else maximum - minimum + 1
    if not atoms:
        raise TokenPatternError("it has no character")
    if ways > WAYS_LIMIT:
        raise TokenPatternError("its repetitions can share a text in too many ways")
    if any(unlimited[:-1]):
        raise TokenPatternError("a repetition without a limit is not the last item")
    if ends_at_word:
        words = [atom in (r"\w", r"\d") or _WORD_SET.fullmatch(atom) is not None for atom in atoms]
        # A word begins at one position only, so each word is read once. After all characters of \w a word always ends.
        once = starts_at_word and all(words)
        if not once and any(unlimited) and atoms[-1] != r"\w":
            raise TokenPatternError(r"it ends with \b after characters that need not be a whole word")
    try:
        re.compile(pattern)
    except re.error as error:
        raise TokenPatternError(f"it is not a regular expression: {error}") from error


def token_finder(pattern: str) -> Callable[[str], list[str]]:
    """Return a function that finds all tokens of a text, in order.

    Raises:
        TokenPatternError: the pattern is not accepted.
    """
    check_token_pattern(pattern)
    return re.compile(pattern).findall


def _repetition(times: str | None) -> tuple[int, int | None]:
    """Return the minimum and the maximum of a repetition; the maximum is None if there is no limit.

    Raises:
        TokenPatternError: the item repeats too often, or the maximum is below the minimum.
    """
    if times is None:
        return 1, 1
    if times in ("?", "*", "+"):
        return int(times == "+"), 1 if times == "?" else None
    minimum, comma, maximum = times[1:-1].partition(",")
    low, high = int(minimum), int(maximum or minimum)
    if not low <= high <= REPETITION_LIMIT:
        raise TokenPatternError(f"its repetition {times} is not within 0 and {REPETITION_LIMIT}")
    return low, None if comma and not maximum else high
