"""Ratios of columns, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tabento.transformers.ratios import Ratios
from tests.tabento.export.tables import (
    assert_same,
    category,
    contract_of,
    number,
    write_transformer,
)

GENERATOR = np.random.default_rng(121)
CONTRACT = contract_of(number("a", nullable=True), number("b"), number("c"))
ROWS = np.column_stack(
    [
        np.where(GENERATOR.random(300) < 0.1, np.nan, GENERATOR.normal(size=300)),
        GENERATOR.integers(-2, 3, 300).astype(np.float64),
        GENERATOR.lognormal(size=300),
    ]
)
FRAME = to_frame(ROWS, CONTRACT)


def test_ratios() -> None:
    """A ratio with a zero of either sign as denominator is missing, and so is a ratio of missing values."""
    rows = np.concatenate([ROWS, [[1.0, 0.0, -0.0], [0.0, 0.0, 1e300], [np.nan, -0.0, 5e-324]]])
    assert_same(Ratios([(0, 1), (1, 2), (2, 1), (2, 2)]).fit(FRAME), CONTRACT, rows)


def test_strings_are_refused() -> None:
    """A ratio of categories is refused by name."""
    contract = contract_of(number("a"), category("kind", "x"))
    with pytest.raises(ExportError, match=r"strings of \['kind'\]"):
        write_transformer(Ratios([(0, 1)]).fit(np.ones((2, 2))), contract)
