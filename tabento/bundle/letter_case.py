"""Changes of letter case that can be reversed, so that two different texts never become equal."""

from __future__ import annotations

from typing import Literal

LetterCase = Literal["exact", "upper", "lower"]


def change_case(text: str, case: LetterCase) -> str:
    """Return a text with its letters in another case, without making two different letters equal.

    A letter is changed only if its other case is one letter that changes back to it. So a dotless i, a long s and the
    Kelvin sign do not become I, S and K, and ß does not become SS. The length never changes.
    """
    if case == "exact":
        return text
    if text.isascii():
        return text.upper() if case == "upper" else text.lower()
    return "".join(_other_case(letter, case) for letter in text)


def _other_case(letter: str, case: LetterCase) -> str:
    """Return a letter in another case, or itself if the change cannot be reversed."""
    other, back = (letter.upper(), str.lower) if case == "upper" else (letter.lower(), str.upper)
    return other if len(other) == 1 and back(other) == letter else letter


def letter_spellings(letter: str, case: LetterCase) -> tuple[str, ...]:
    """Return all letters that ``change_case`` turns into a letter, the letter itself first; it must be in that case already."""
    if case == "exact":
        return (letter,)
    other = letter.lower() if case == "upper" else letter.upper()
    same = other == letter or len(other) != 1 or _other_case(other, case) != letter
    return (letter,) if same else (letter, other)
