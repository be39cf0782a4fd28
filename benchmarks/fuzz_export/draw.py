"""Draws: what a composition chooses at random, all from one generator, so that a number gives the same one again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
SHARE_OF_PARAMETERS = 0.45
"""How many of a class's known parameters are drawn rather than left at their default."""


class Draw:
    """A source of random choices."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def chance(self, share: float) -> bool:
        """Return True in a share of all cases."""
        return bool(self.rng.random() < share)

    def one(self, items: Sequence[Item]) -> Item:
        """Return one of the items; all are equally likely."""
        return items[int(self.rng.integers(len(items)))]

    def weighted(self, items: Mapping[Item, float]) -> Item:
        """Return one of the keys, drawn by its weight."""
        names = list(items)
        weights = np.array([items[name] for name in names])
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def some(self, items: Sequence[Item], least: int = 1) -> list[Item]:
        """Return at least ``least`` of the items, in their order."""
        count = int(self.rng.integers(min(least, len(items)), len(items) + 1))
        positions = sorted(self.rng.choice(len(items), count, replace=False).tolist())
        return [items[position] for position in positions]

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def seed(self) -> int:
        """Return a ``random_state``."""
        return int(self.rng.integers(1000))

    def parameters(self, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return values for some of the parameters; a single choice is always taken."""
        return {
            name: self.one(values)
            for name, values in choices.items()
            if len(values) == 1 or self.chance(SHARE_OF_PARAMETERS)
        }
