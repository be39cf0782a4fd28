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

LARGEST_IDENTIFIER = LARGEST_EXACT_INTEGER - 1
"""The largest magnitude of an identifier that is an integer: from 2^53 on readers of JSON may round it to another one."""

IdentifierValue: TypeAlias = str | int | float | None


class Identifier(Strict):
    """One field that says whose row it is."""

    name: Name
    """The field's name in a request, and the column's name in training data."""
    pattern: str | None = None
    """What the whole value looks like, as a regular expression such as ``USR[0-9]+``; see ``bundle.pattern``. With a
    pattern the value is a text; without one it is a text or an integer."""
    required: bool = True
    """Whether the field must be there. A field that may be left out may be null as well, and is answered as null."""
    description: str = ""
    """One sentence for the people who fill the field in."""

    @field_validator("pattern")
    @classmethod
    def _can_be_matched(cls, pattern: str | None) -> str | None:
        if pattern is not None and not 0 < len(Pattern(pattern).example) <= IDENTIFIER_CHARACTERS_LIMIT:
            raise ValueError(
                f"the pattern {pattern!r} fits no text of 1 to {IDENTIFIER_CHARACTERS_LIMIT} characters; a text of"
                f" {len(Pattern(pattern).example)} was found"
            )
        return pattern

    def compiled(self) -> Pattern:
        """Return what a text of this identifier has to fit, apart from its length; ask for it once."""
        return Pattern(".+" if self.pattern is None else self.pattern)

    def check(self) -> Callable[[object], bool]:
        """Return what tells whether the field takes a value; ask for it once."""
        matches = self.compiled().matches
        nullable, integers = not self.required, self.pattern is None

        def takes(value: object) -> bool:
            if isinstance(value, str):
                return 0 < len(value) <= IDENTIFIER_CHARACTERS_LIMIT and matches(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                # An integer may be written as 12.0: so does a table with missing values.
                return integers and abs(value) <= LARGEST_IDENTIFIER and value % 1 == 0
            return value is None and nullable

        return takes

    def example(self) -> str:
        """Return a made-up value that the field takes."""
        return "example" if self.pattern is None else self.compiled().example

    def expected(self) -> str:
        """Say in words what the field takes, for error messages."""
        if self.pattern is None:
            text = f"a text of 1 to {IDENTIFIER_CHARACTERS_LIMIT} characters without control characters, or an integer"
        else:
            text = f"a text of at most {IDENTIFIER_CHARACTERS_LIMIT} characters that fits {self.pattern} as a whole"
        return text if self.required else f"{text}, or null"
