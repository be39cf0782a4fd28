"""A config's estimator: what is fitted behind the preprocessing."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bundle.contract import Strict
from training.config.types import Kind, Param, Positive, Task

COMPOSITES = ("voting", "stack")
"""The kinds that are made of others."""
KINDS_OF_ONE_TASK: dict[Kind, Task] = {
    "ridge": "regression",
    "lasso": "regression",
    "elastic_net": "regression",
    "logistic_regression": "classification",
}
"""The kinds that answer only numbers or only classes; all others do both."""


class Member(Strict):
    """One estimator, alone or inside a ``voting`` or ``stack``."""

    kind: Kind
    """Which estimator."""
    params: dict[str, Param] = {}
    """The estimator's own parameters."""
    weight: Positive = 1.0
    """How much it counts in a ``voting``."""


class Estimator(Strict):
    """The model behind the preprocessing."""

    kind: Kind
    """Which estimator."""
    target: Literal["identity", "sqrt", "log"] = "identity"
    """The scale on which a regression learns; answers are always in the target's unit."""
    params: dict[str, Param] = {}
    """The estimator's own parameters."""
    members: Annotated[tuple[Member, ...], Field(max_length=16)] = ()
    """voting, stack: the estimators inside. A ``voting`` answers the weighted mean of their answers."""
    final: Member | None = None
    """stack: what learns from the members' answers (ridge or logistic regression unless something else is said)."""

    @model_validator(mode="after")
    def _has_members(self) -> Self:
        if (self.kind in COMPOSITES) != bool(self.members):
            raise ValueError(f"estimator: `members` go with {' and '.join(COMPOSITES)}, and they need at least one")
        if self.final is not None and self.kind != "stack":
            raise ValueError("estimator: `final` goes with `kind: stack`")
        if self.members and self.params:
            raise ValueError(
                f"estimator.params: a {self.kind} has none of its own, got {sorted(self.params)}; give them to its members"
            )
        weighed = [member.weight for member in (*self.members, *([self.final] if self.final else []))]
        if self.kind != "voting" and any(weight != 1 for weight in weighed):
            raise ValueError(f"estimator.members: `weight` goes with `kind: voting`, not with {self.kind!r}")
        inner = [*self.members, *([self.final] if self.final else [])]
        nested = [member.kind for member in inner if member.kind in COMPOSITES]
        if nested:
            raise ValueError(f"estimator.members: {nested[0]!r} cannot stand inside another; list its members instead")
        return self
