"""How columns write their numbers."""

from __future__ import annotations

import pytest

from training.commands.init.numbers import DECIMAL_COMMAS, SYMBOLS, THOUSANDS_COMMAS, NumberStyle, number_style


@pytest.mark.parametrize(
    ("cells", "delimiter", "style"),
    [
        (["1", "2.5", "-3e4", ""], ",", None),
        (["1,5", "2", "?"], ";", DECIMAL_COMMAS),
        (["1.234,5", "12"], ";", DECIMAL_COMMAS),
        ([",5"], ";", DECIMAL_COMMAS),
        (["1,234", "56"], ",", THOUSANDS_COMMAS),
        (["1,234", "5,678"], ";", DECIMAL_COMMAS),
        (["1,234,567", "5"], ";", THOUSANDS_COMMAS),
        (["$1,234", "$5"], ";", THOUSANDS_COMMAS),
        (["1,234.50"], ";", THOUSANDS_COMMAS),
        (["$5", "7"], ",", SYMBOLS),
        (["12 %", "7%"], ",", SYMBOLS),
        (["1,5", "many"], ";", None),
        (["red", "blue"], ",", None),
        (["", "NA"], ",", None),
        (["%", "$"], ",", None),
        (["1,2,3"], ",", None),
        (["2024-01-01"], ",", None),
    ],
)
def test_style_is_found(cells: list[str], delimiter: str, style: NumberStyle | None) -> None:
    """A style is one only if every cell that is not missing is a number in it."""
    assert number_style(cells, delimiter) == style


@pytest.mark.parametrize(
    ("style", "cell", "plain"),
    [
        (DECIMAL_COMMAS, "1.234,5", "1234.5"),
        (DECIMAL_COMMAS, "-0,5", "-0.5"),
        (DECIMAL_COMMAS, "€ 1 234,50", "1234.50"),
        (DECIMAL_COMMAS, "7", "7"),
        (DECIMAL_COMMAS, "?", "?"),
        (THOUSANDS_COMMAS, "$1,234,567.89", "1234567.89"),
        (THOUSANDS_COMMAS, " ", " "),
        (SYMBOLS, "12%", "12"),
        (SYMBOLS, "n/a", "n/a"),
    ],
)
def test_cell_becomes_plain(style: NumberStyle, cell: str, plain: str) -> None:
    """Numbers lose their symbols and separators; every other cell is unchanged."""
    assert style.plain(cell) == plain
