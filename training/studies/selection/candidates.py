"""Candidates: the compared estimators, in the order of the comparison.

The config's own estimator is first, then the candidates that are fitted fastest. When the minutes are over, only the slowest
candidates are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from training.config import Candidate, Estimator, Kind, ModelConfig
from training.config.estimator import COMPOSITES
from training.model.estimator_kinds import available_kinds
from training.model.estimators import default_stack
from training.studies.errors import SelectionError

OWN = "own"
"""The name of the config's own estimator."""
BASELINE = "dummy"
"""The name of the baseline: it predicts the mean, or the frequency of each class. It shows the possible gain and cannot win."""
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
"""The kinds with their default parameters, the fastest to fit first. Any other kind comes after them."""


def list_candidates(config: ModelConfig, own: Estimator) -> tuple[Candidate, ...]:
    """Return the own estimator, the baseline, the config's candidates, and each kind with its default parameters.

    An estimator that equals an earlier one is omitted. The kinds learn on the own estimator's scale of the target: that scale is a
    decision about the target and not about the kind.

    Args:
        config: the config with the kinds and candidates.
        own: the estimator of the earlier stages.

    Raises:
        SelectionError: a candidate has the name of the own estimator or of the baseline; or ``selection.kinds`` has ``voting``.
    """
    names = [candidate.name for candidate in config.selection.candidates]
    for name in names:
        if name in (OWN, BASELINE):
            raise SelectionError(
                f"selection.candidates: the name {name!r} is taken; expected a name of its own for each candidate"
                f" ({OWN!r} is the config's estimator, {BASELINE!r} the baseline)"
            )
    candidates = [Candidate(name=OWN, estimator=own), Candidate(name=BASELINE, estimator=Estimator(kind="dummy"))]
    candidates += config.selection.candidates
    for kind, estimator in _default_estimators(config, own):
        name = f"{kind}, default" if kind in names else kind
        if all(estimator != candidate.estimator for candidate in candidates):
            candidates.append(Candidate(name=name, estimator=estimator))
    return tuple(candidates)


def _default_estimators(config: ModelConfig, own: Estimator) -> Iterator[tuple[Kind, Estimator]]:
    """Yield each requested kind with its default parameters, the fastest to fit first."""
    kinds = config.selection.kinds
    if kinds is None:
        kinds = (*available_kinds(config.task), "stack")
    if "voting" in kinds:
        raise SelectionError(
            "selection.kinds: 'voting' has no members of its own; list one with its `members` in `selection.candidates`"
        )
    order = [*BY_COST, *(kind for kind in get_args(Kind) if kind not in BY_COST)]
    for kind in order:
        if kind in kinds and kind != BASELINE:
            estimator = default_stack(config.task) if kind in COMPOSITES else Estimator(kind=kind)
            yield kind, estimator.model_copy(update={"target": own.target})
