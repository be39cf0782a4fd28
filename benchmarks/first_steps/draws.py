"""Generators of synthetic columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def choice(rng: np.random.Generator, values: Mapping[str, float], rows: int) -> NDArray[Any]:
    """Draw values with weights: object of shape (rows,)."""
    weights = np.array(list(values.values()))
    return rng.choice(np.array(list(values), dtype=object), rows, p=weights / weights.sum())


def chance(rng: np.random.Generator, odds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Draw truth values from the logarithms of their odds."""
    return rng.random(len(odds)) < 1 / (1 + np.exp(-odds))


def words(flags: NDArray[np.bool_], yes: str = "Yes", no: str = "No") -> NDArray[Any]:
    """Write truth values as words."""
    return np.where(flags, yes, no).astype(object)


def codes(rng: np.random.Generator, count: int, length: int) -> list[str]:
    """Draw codes of capital letters."""
    letters = rng.integers(0, 26, (count, length)) + ord("A")
    return ["".join(map(chr, row)) for row in letters]
