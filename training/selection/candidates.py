"""Candidates: which estimators are compared, and in which order.

What is most likely to be wanted comes first, then what is cheapest to fit: when the minutes are over, the slow ones at the
end are those that were not begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from training.config import Candidate, Estimator, Kind, ModelConfig
from training.config.estimator import COMPOSITES
from training.estimators import available_kinds, default_stack
from training.selection.errors import SelectionError

OWN = "own"
"""The name of the config's own estimator."""
BASELINE = "dummy"
"""The name of the baseline: the mean, or how frequent each class is. It shows what is there to gain and cannot win."""
BY_COST: tuple[Kind, ...] = (
    "ridge",
    "logistic_regression",
    "decision_tree",
    "lightgbm",
    "xgboost",
    "hist_gradient_boosting",
    "extra_trees",
    "random_forest",
    "gradient_boosting",
    "lasso",
    "elastic_net",
    "mlp",
    "stack",
    "knn",
)
"""The kinds with their default parameters, the quickest to fit first. Any other comes behind these."""


def list_candidates(config: ModelConfig, own: Estimator) -> tuple[Candidate, ...]:
    """Return what is compared: the own estimator, the baseline, the config's candidates, each kind's defaults.

    An estimator that is the same as an earlier one is left out. The kinds learn on the own estimator's scale of the
    target: that scale is a decision about the target and not about the kind.

    Args:
        config: says which kinds and candidates.
        own: the estimator that the stages before have handed on.

    Raises:
        SelectionError: a candidate has the name of the own one or of the baseline; or a voting is asked for by its kind.
    """
    names = [candidate.name for candidate in config.selection.candidates]
    for name in names:
        if name in (OWN, BASELINE):
            raise SelectionError(
                f"selection.candidates: the name {name!r} is taken; expected a name of its own for each candidate"
                f" ({OWN!r} is the config's estimator, {BASELINE!r} the baseline)"
            )
    found = [Candidate(name=OWN, estimator=own), Candidate(name=BASELINE, estimator=Estimator(kind="dummy"))]
    found += config.selection.candidates
    for kind, estimator in _defaults(config, own):
        name = f"{kind}, default" if kind in names else kind
        if all(estimator != candidate.estimator for candidate in found):
            found.append(Candidate(name=name, estimator=estimator))
    return tuple(found)


def _defaults(config: ModelConfig, own: Estimator) -> Iterator[tuple[Kind, Estimator]]:
    """Give each kind that is asked for, with its default parameters, the quickest first."""
    wanted = config.selection.kinds
    if wanted is None:
        wanted = (*available_kinds(config.task), "stack")
    if "voting" in wanted:
        raise SelectionError(
            "selection.kinds: 'voting' has no members of its own; list one with its `members` in `selection.candidates`"
        )
    order = [*BY_COST, *(kind for kind in get_args(Kind) if kind not in BY_COST)]
    for kind in order:
        if kind in wanted and kind != BASELINE:
            estimator = default_stack(config.task) if kind in COMPOSITES else Estimator(kind=kind)
            yield kind, estimator.model_copy(update={"target": own.target})
