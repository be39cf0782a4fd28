"""A config's grids: the values of an estimator's parameters whose combinations are all compared."""

from __future__ import annotations

from math import prod
from typing import Annotated, Self

from pydantic import Field, model_validator

from tabento.bundle.contract import Strict
from training.config.estimator import COMPOSITES
from training.config.types import Kind, Param

COMBINATIONS_MAX = 10_000
"""The largest number of combinations of one grid. A selection fits each of them in every fold, so more take too long."""

Values = Annotated[tuple[Param, ...], Field(min_length=1)]


class Grid(Strict):
    """One kind of estimator with lists of values for its parameters."""

    kind: Kind
    """Which estimator; not `voting` or `stack`."""
    params: Annotated[dict[str, Values], Field(min_length=1)]
    """The values of each parameter. Every combination is one candidate."""

    @model_validator(mode="after")
    def _can_be_expanded(self) -> Self:
        if self.kind in COMPOSITES:
            raise ValueError(
                f"a grid needs one kind of estimator, got {self.kind!r}; list it in `selection.candidates`"
            )
        for name, values in self.params.items():
            repeated = [value for index, value in enumerate(values) if _is_among(value, values[:index])]
            if repeated:
                raise ValueError(f"the values of {name!r} must be distinct, {repeated[0]!r} appears twice")
        if self.combinations > COMBINATIONS_MAX:
            raise ValueError(
                f"a grid has at most {COMBINATIONS_MAX:,} combinations, got {self.combinations:,}; list fewer values"
            )
        return self

    @property
    def combinations(self) -> int:
        """The number of combinations of the grid."""
        return prod(len(values) for values in self.params.values())


def _is_among(value: Param, other_values: tuple[Param, ...]) -> bool:
    # 1 and True are equal in Python and not the same parameter.
    return any(type(value) is type(other) and value == other for other in other_values)
