"""Identifiers: fields of a row that are echoed in the answer, and never given to the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pydantic import field_validator

from tabento.bundle.numbers import LARGEST_EXACT_INTEGER
from tabento.bundle.pattern import Pattern
from tabento.bundle.pii import PiiTreatment
from tabento.bundle.strict import ExtensibleModel, Name

IDENTIFIER_CHARACTERS_LIMIT = 200
"""The largest length of an identifier."""

LARGEST_IDENTIFIER = LARGEST_EXACT_INTEGER - 1
"""The largest magnitude of an integer identifier: from 2^53 on, readers of JSON can round it to another integer."""

IdentifierValue: TypeAlias = str | int | float | None


class Identifier(ExtensibleModel):
    """A field that identifies the row for the client."""

    later_keys = ("pii",)

    name: Name
    """The field's name in a request, and the column's name in training data."""
    pattern: str | None = None
    """The form of the whole value, as a regular expression such as ``USR[0-9]+``; see ``tabento.bundle.pattern``. With a
    pattern the value is a text; without one it is a text or an integer."""
    required: bool = True
    """Whether the field is required. An optional field can also be null, and is answered as null."""
    description: str = ""
    """One sentence for the users who fill in the field."""
    pii: PiiTreatment | None = None
    """The treatment of personal values in everything that the service writes, see ``tabento.bundle.pii``."""

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
        """Return the pattern of a text of this identifier, without its length. Compiling takes time: keep the result."""
        return Pattern(".+" if self.pattern is None else self.pattern)

    def check(self) -> Callable[[object], bool]:
        """Return a function that is true for the values that the field accepts. Compiling takes time: keep the result."""
        matches = self.compiled().matches
        nullable, integers = not self.required, self.pattern is None

        def is_accepted(value: object) -> bool:
            if isinstance(value, str):
                return 0 < len(value) <= IDENTIFIER_CHARACTERS_LIMIT and matches(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                # An integer can be written as 12.0, as in a table with missing values.
                return integers and abs(value) <= LARGEST_IDENTIFIER and value % 1 == 0
            return value is None and nullable

        return is_accepted

    def example(self) -> str:
        """Return an example value that the field accepts."""
        return "example" if self.pattern is None else self.compiled().example

    def expected(self) -> str:
        """Return the accepted values as text, for error messages."""
        if self.pattern is None:
            text = f"a text of 1 to {IDENTIFIER_CHARACTERS_LIMIT} characters without control characters, or an integer"
        else:
            text = f"a text of at most {IDENTIFIER_CHARACTERS_LIMIT} characters that fits {self.pattern} as a whole"
        return text if self.required else f"{text}, or null"
