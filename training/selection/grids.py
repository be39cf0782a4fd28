"""Grids: each combination of listed parameters as one candidate, in an order that covers every family early.

The families take turns, so that a run whose minutes are too short for all combinations has compared some of each. Inside a
family the order is shuffled by the config's seed, so that those few are spread over the grid rather than in one corner.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product, zip_longest

from training.config import Candidate, Estimator, Grid, Kind, ModelConfig, Task
from training.estimators import check_params
from training.selection.candidates import BY_COST

_FOREST = Grid(
    kind="random_forest",
    params={
        "n_estimators": (50, 100, 200),
        "max_depth": (None, 8, 12, 16),
        "min_samples_leaf": (1, 2, 5, 10, 20),
        "max_features": (0.33, 0.6, 1.0),
    },
)
_BOOSTING = Grid(
    kind="gradient_boosting",
    params={
        "n_estimators": (50, 100, 200),
        "learning_rate": (0.03, 0.05, 0.1, 0.2),
        "max_depth": (2, 3, 4, 5, 6),
        "min_samples_leaf": (1, 3, 10, 30, 100),
    },
)
_TREE = Grid(
    kind="decision_tree",
    params={
        "max_depth": (None, 3, 5, 8, 12, 16),
        "min_samples_leaf": (1, 5, 20, 50),
        "max_features": (0.4, 0.6, 0.8, 1.0),
    },
)
BUILT_IN: dict[Task, tuple[Grid, ...]] = {
    "regression": (
        Grid(kind="ridge", params={"alpha": (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)}),
        Grid(kind="lasso", params={"alpha": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)}),
        _TREE,
        _FOREST,
        _BOOSTING,
    ),
    "classification": (
        Grid(kind="logistic_regression", params={"C": (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)}),
        _TREE,
        _FOREST,
        _BOOSTING,
    ),
}
"""The grids of ``selection.grids: built_in``: 9 combinations of ridge, lasso and logistic regression each, 96 of a decision
tree, 180 of a random forest and 300 of gradient boosting."""


@dataclass(frozen=True)
class GridFamily:
    """The combinations of one kind, in the order in which they are compared."""

    kind: Kind
    candidates: tuple[Candidate, ...]


def list_families(config: ModelConfig, own: Estimator) -> tuple[GridFamily, ...]:
    """Return the families of ``selection.grids``, the quickest to fit first.

    Grids of the same kind are one family, and a combination that is in several of them is in it once. A candidate is named
    after its kind and its position in the grid: ``ridge grid 3`` has the third combination.

    Args:
        config: says which grids, and gives the seed.
        own: the config's own estimator; the combinations learn on its scale of the target.

    Raises:
        ConfigError: the kind has no such parameter, or a config cannot set it.
    """
    grids = BUILT_IN[config.task] if config.selection.grids == "built_in" else config.selection.grids
    found: dict[Kind, list[Candidate]] = {}
    for place, grid in enumerate(grids):
        check_params(grid.kind, tuple(grid.params), config.task, f"selection.grids.{place}")
        family = found.setdefault(grid.kind, [])
        seen = {_text(candidate.estimator) for candidate in family}
        for values in product(*grid.params.values()):
            estimator = Estimator(kind=grid.kind, target=own.target, params=dict(zip(grid.params, values, strict=True)))
            if _text(estimator) not in seen:
                family.append(Candidate(name=f"{grid.kind} grid {len(family) + 1}", estimator=estimator))
    order = {kind: at for at, kind in enumerate(BY_COST)}
    return tuple(
        GridFamily(kind, tuple(sorted(candidates, key=lambda candidate: _rank(candidate, config.seed))))
        for kind, candidates in sorted(found.items(), key=lambda item: order.get(item[0], len(order)))
    )


def in_turns(families: Sequence[GridFamily]) -> list[Candidate]:
    """Return all combinations, one of each family after the other."""
    rounds = zip_longest(*(family.candidates for family in families))
    return [candidate for round_ in rounds for candidate in round_ if candidate is not None]


def _rank(candidate: Candidate, seed: int) -> str:
    """Return a pseudo-random place that depends on the seed and the combination alone, on every machine."""
    return hashlib.sha256(f"{seed} {_text(candidate.estimator)}".encode()).hexdigest()


def _text(estimator: Estimator) -> str:
    return json.dumps(estimator.model_dump(mode="json"), sort_keys=True)
