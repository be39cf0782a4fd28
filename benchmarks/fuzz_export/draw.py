"""Random choices of a composition, all from one generator, so that the same number gives the same composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
SHARE_OF_PARAMETERS = 0.45
"""The share of a class's known parameters that are drawn; the others keep their default."""


class Draw:
    """A source of random choices."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def chance(self, share: float) -> bool:
        """Return True with a probability of ``share``."""
        return bool(self.rng.random() < share)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return an item; all items are equally likely."""
        return items[int(self.rng.integers(len(items)))]

    def weighted(self, items: Mapping[Item, float]) -> Item:
        """Return a key, drawn by its weight."""
        names = list(items)
        weights = np.array([items[name] for name in names])
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def pick_several(self, items: Sequence[Item], minimum: int = 1) -> list[Item]:
        """Return at least ``minimum`` of the items, in their order."""
        count = int(self.rng.integers(min(minimum, len(items)), len(items) + 1))
        positions = sorted(self.rng.choice(len(items), count, replace=False).tolist())
        return [items[position] for position in positions]

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def seed(self) -> int:
        """Return a ``random_state``."""
        return int(self.rng.integers(1000))

    def parameters(self, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return values for a random part of the parameters; a single choice is always taken."""
        return {
            name: self.pick(values)
            for name, values in choices.items()
            if len(values) == 1 or self.chance(SHARE_OF_PARAMETERS)
        }
