"""Identifiers: fields of a row that are echoed in the answer, and never given to the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pydantic import field_validator

from bundle.numbers import LARGEST_EXACT_INTEGER
from bundle.pattern import Pattern
from bundle.strict import Name, Strict

IDENTIFIER_CHARACTERS_LIMIT = 200
"""How long an identifier may be."""

IdentifierValue: TypeAlias = str | int | None


class Identifier(Strict):
    """One field that says whose row it is."""

    name: Name
    """The field's name in a request, and the column's name in training data."""
    pattern: str | None = None
    """What the whole value looks like, as a regular expression such as ``USR[0-9]+``; see ``bundle.pattern``."""
    required: bool = True
    """Whether the field must be there. A field that may be left out may be null as well, and is answered as null."""
    description: str = ""
    """One sentence for the people who fill the field in."""

    @field_validator("pattern")
    @classmethod
    def _can_be_matched(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            Pattern(pattern)
        return pattern

    def check(self) -> Callable[[object], bool]:
        """Return what tells whether the field takes a value: a printable text or an integer that fits the pattern.

        An integer is compared with the pattern by its decimal digits. The result is compiled: ask for it once.
        """
        matches = None if self.pattern is None else Pattern(self.pattern).matches
        nullable = not self.required

        def takes(value: object) -> bool:
            if isinstance(value, str):
                if not 0 < len(value) <= IDENTIFIER_CHARACTERS_LIMIT or not value.isprintable():
                    return False
                return matches is None or matches(value)
            if isinstance(value, int) and not isinstance(value, bool):
                return abs(value) <= LARGEST_EXACT_INTEGER and (matches is None or matches(str(value)))
            return value is None and nullable

        return takes

    def expected(self) -> str:
        """Say in words what the field takes, for error messages."""
        text = f"a text of 1 to {IDENTIFIER_CHARACTERS_LIMIT} printable characters, or an integer"
        if self.pattern is not None:
            text += f", that is {self.pattern} as a whole"
        return text if self.required else f"{text}, or null"
