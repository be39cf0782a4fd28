"""How a column writes its numbers, where it is not as computers do: decimal commas, thousands separators, currencies, percent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from training.init.missing import is_missing

PLAIN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
"""A number as a CSV file is expected to have it."""
_SYMBOLS = re.compile(r"[$€£¥%\s\u00a0\u202f]")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+|[+-]?\d{1,3}(\.\d{3}){2,}", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class NumberStyle:
    """How a column's numbers are written."""

    title: str
    """In words, for people."""
    decimal_comma: bool
    """Whether a comma stands before the fraction, and points between thousands; else it is the other way round."""

    def plain(self, cell: str) -> str:
        """Return a cell as a plain number, ``1234.5``; a cell that is no number in this style is returned as it is."""
        text = _SYMBOLS.sub("", cell)
        if self.decimal_comma:
            if _DECIMAL_COMMA.fullmatch(text):
                return text.replace(".", "").replace(",", ".")
        elif _THOUSANDS.fullmatch(text):
            return text.replace(",", "")
        return text if PLAIN.fullmatch(text) else cell


DECIMAL_COMMAS = NumberStyle("decimal commas", decimal_comma=True)
THOUSANDS_COMMAS = NumberStyle("commas between thousands", decimal_comma=False)
SYMBOLS = NumberStyle("a currency or percent sign", decimal_comma=False)


def number_style(cells: Iterable[str], delimiter: str) -> NumberStyle | None:
    """Return how a column writes its numbers, None if they are plain or if it has values that are no numbers.

    A comma before anything but three digits is a decimal comma. If every comma stands before three digits, as in
    ``1,234``, it separates thousands in a file that is delimited by commas, or if a second comma, a point or a currency
    sign shows it; else it is a decimal comma.

    Args:
        cells: the first values of the column; missing ones are left out of account.
        delimiter: of the file.
    """
    texts = {cell for cell in cells if not is_missing(cell)}
    stripped = {_SYMBOLS.sub("", text) for text in texts}
    if not texts or not any(character.isdigit() for text in stripped for character in text):
        return None
    unusual = {text for text in stripped if not PLAIN.fullmatch(text)}
    if not unusual:
        has_symbols = any(not PLAIN.fullmatch(text) for text in texts)
        return SYMBOLS if has_symbols else None
    if all(_THOUSANDS.fullmatch(text) for text in unusual) and (delimiter == "," or _shows_thousands(stripped, texts)):
        return THOUSANDS_COMMAS
    if all(_DECIMAL_COMMA.fullmatch(text) for text in unusual):
        return DECIMAL_COMMAS
    return None


def _shows_thousands(stripped: set[str], texts: set[str]) -> bool:
    return any(text.count(",") > 1 or "." in text for text in stripped) or any(
        symbol in text for text in texts for symbol in "$£"
    )
