"""The number for a category, in any letter case."""

from __future__ import annotations

from math import nan

from tabento.bundle.contract import UNKNOWN_CATEGORY, Feature, category_codes, letter_spellings


class CategoryTable:
    """The codes of one feature's categories.

    Args:
        feature: a feature of the type ``category``.
    """

    def __init__(self, feature: Feature) -> None:
        codes = category_codes(feature)
        self._longest = max(map(len, codes))
        # The letters of other categories need no entry: a text with one of them is not a category of this feature.
        self._letters = {
            ord(spelling): letter
            for letter in set("".join(codes))
            for spelling in letter_spellings(letter, feature.case)
            if spelling != letter
        }
        self._unknown = UNKNOWN_CATEGORY if feature.unknown == "ignore" else None
        usual = {
            spelling: code
            for value, code in codes.items()
            for spelling in (value.lower(), value.upper(), value.title(), value.capitalize())
            if spelling.translate(self._letters) == value
        }
        missing = dict.fromkeys(feature.missing, nan)
        self.codes = usual | codes | missing
        """The codes of the categories in their usual spellings, and NaN for the texts that are treated as missing.
        Most requests need only this table."""
        self._spelled = usual | codes

    def code(self, value: str) -> float | None:
        """Return the code of a client's value in any spelling, or None if the feature does not accept it."""
        # Letter case never changes a length, so that a long text costs nothing.
        # A text that is treated as missing is compared without a change of its case.
        missing = self.codes.get(value)
        if missing is not None:
            return missing
        code = self._spelled.get(value.translate(self._letters)) if len(value) <= self._longest else None
        return self._unknown if code is None else code
