"""Grids: each combination of listed parameters is one candidate; the order covers every family early.

The families take turns, so that a run with too few minutes has compared some combinations of each. Inside a family the order is
shuffled by the config's seed, so that the compared combinations are spread over the grid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product, zip_longest

from training.config import Candidate, Estimator, Grid, Kind, ModelConfig, Task
from training.model.estimator_params import check_params
from training.studies.selection.candidates import BY_COST

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
"""The grids of ``selection.built_in_grids``: 9 combinations of ridge, lasso and logistic regression each, 96 of a decision
tree, 180 of a random forest and 300 of gradient boosting."""


@dataclass(frozen=True)
class GridFamily:
    """The combinations of one kind, in the order of the comparison."""

    kind: Kind
    candidates: tuple[Candidate, ...]


def list_families(config: ModelConfig, own: Estimator) -> tuple[GridFamily, ...]:
    """Return the families of ``selection.grids`` and ``built_in_grids``, the fastest to fit first.

    Grids of the same kind are one family; equal combinations are listed once. The name of a candidate has its kind and its position
    in the grid: ``ridge grid 3`` is the third combination.

    Args:
        config: the config with the grids and the seed.
        own: the config's own estimator; the combinations learn on its scale of the target.

    Raises:
        ConfigError: the kind has no such parameter, or a config cannot set it.
    """
    for position, grid in enumerate(config.selection.grids):
        check_params(grid.kind, tuple(grid.params), config.task, f"selection.grids.{position}")
    built_in = BUILT_IN[config.task] if config.selection.built_in_grids else ()
    candidates_by_kind: dict[Kind, list[Candidate]] = {}
    for grid in (*config.selection.grids, *built_in):
        family = candidates_by_kind.setdefault(grid.kind, [])
        listed_texts = {_estimator_text(candidate.estimator) for candidate in family}
        for values in product(*grid.params.values()):
            estimator = Estimator(kind=grid.kind, target=own.target, params=dict(zip(grid.params, values, strict=True)))
            if _estimator_text(estimator) not in listed_texts:
                family.append(Candidate(name=f"{grid.kind} grid {len(family) + 1}", estimator=estimator))
    order = {kind: rank for rank, kind in enumerate(BY_COST)}
    return tuple(
        GridFamily(kind, tuple(sorted(candidates, key=lambda candidate: _shuffle_key(candidate, config.seed))))
        for kind, candidates in sorted(candidates_by_kind.items(), key=lambda item: order.get(item[0], len(order)))
    )


def take_turns(families: Sequence[GridFamily]) -> list[Candidate]:
    """Return all combinations: one of each family, then the next one of each family, and so on."""
    rounds = zip_longest(*(family.candidates for family in families))
    return [candidate for round_ in rounds for candidate in round_ if candidate is not None]


def _shuffle_key(candidate: Candidate, seed: int) -> str:
    """Return a pseudo-random sort key that depends on the seed and the combination only, on every computer."""
    return hashlib.sha256(f"{seed} {_estimator_text(candidate.estimator)}".encode()).hexdigest()


def _estimator_text(estimator: Estimator) -> str:
    return json.dumps(estimator.model_dump(mode="json"), sort_keys=True)
