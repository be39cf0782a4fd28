"""The style of a column's numbers if they are not plain: decimal commas, thousands separators, currencies, percent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from training.commands.init.missing import is_missing

PLAIN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
"""A plain number of a CSV file."""
_SYMBOLS = re.compile(r"[$€£¥%\s\u00a0\u202f]")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+|[+-]?\d{1,3}(\.\d{3}){2,}", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class NumberStyle:
    """The style of a column's numbers."""

    title: str
    """Its name in messages."""
    decimal_comma: bool
    """Whether the comma separates the fraction and the point thousands; if not, the comma separates thousands."""

    def plain(self, cell: str) -> str:
        """Return a cell as a plain number, ``1234.5``; a cell that is not a number in this style is returned unchanged."""
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
    """Return the style of a column's numbers; None if they are plain or if the column has values that are not numbers.

    A comma that is not before three digits is a decimal comma. If every comma is before three digits, as in ``1,234``, it
    separates thousands in a file that is delimited by commas, or if a number has a second comma, a point or a currency
    sign; else it is a decimal comma.

    Args:
        cells: the first values of the column; missing values are ignored.
        delimiter: the delimiter of the file.
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
