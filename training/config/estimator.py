"""A config's estimator: the model that is fitted after the preprocessing."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tabento.bundle.contract import Strict
from training.config.types import Kind, Param, Positive, Task

COMPOSITES = ("voting", "stack")
"""The kinds that combine other kinds."""
KINDS_OF_ONE_TASK: dict[Kind, Task] = {
    "ridge": "regression",
    "lasso": "regression",
    "elastic_net": "regression",
    "logistic_regression": "classification",
}
"""The kinds that do only one task; all other kinds do both."""


class Member(Strict):
    """One estimator, alone or inside a ``voting`` or ``stack``."""

    kind: Kind
    """Which estimator."""
    params: dict[str, Param] = {}
    """The estimator's own parameters."""
    weight: Positive = 1.0
    """Its weight in a ``voting``."""


class Estimator(Strict):
    """The model after the preprocessing."""

    kind: Kind
    """Which estimator."""
    target: Literal["identity", "sqrt", "log"] = "identity"
    """The scale on which a regression learns; answers are always in the target's unit."""
    params: dict[str, Param] = {}
    """The estimator's own parameters."""
    members: Annotated[tuple[Member, ...], Field(max_length=16)] = ()
    """voting, stack: the inner estimators. A ``voting`` predicts the weighted mean of their predictions."""
    final: Member | None = None
    """stack: the estimator that learns from the members' predictions; by default ridge or logistic regression."""

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
        weights = [member.weight for member in (*self.members, *([self.final] if self.final else []))]
        if self.kind != "voting" and any(weight != 1 for weight in weights):
            raise ValueError(f"estimator.members: `weight` goes with `kind: voting`, not with {self.kind!r}")
        inner = [*self.members, *([self.final] if self.final else [])]
        nested = [member.kind for member in inner if member.kind in COMPOSITES]
        if nested:
            raise ValueError(f"estimator.members: {nested[0]!r} cannot be inside another; list its members instead")
        return self
