"""Booleans as users and files write them: true/false, yes/no, y/n, t/f, on/off, 1/0."""

from __future__ import annotations

BOOLEAN_WORDS = {
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "y": True,
    "n": False,
    "t": True,
    "f": False,
    "on": True,
    "off": False,
    "1": True,
    "0": False,
}
"""The texts of booleans, in lower case."""
_LONGEST = max(map(len, BOOLEAN_WORDS))


def parse_boolean(value: object) -> bool | None:
    """Return the boolean that a value represents, or None if it does not represent one.

    Args:
        value: a boolean, one of ``BOOLEAN_WORDS`` in any letter case without white space around it, or the number 0
            or 1, of Python or of NumPy.
    """
    if isinstance(value, str):
        # No other letter of Unicode becomes one of these words' letters, so that lower case adds no spelling.
        return BOOLEAN_WORDS.get(value.lower()) if len(value) <= _LONGEST else None
    try:
        return bool(value) if value == 0 or value == 1 else None
    except (TypeError, ValueError):
        return None
