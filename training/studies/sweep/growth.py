"""Growth: the estimators that can be fitted in steps with the result of a single fit.

scikit-learn's forests and boosting continue a fit with ``warm_start``. Their random state continues as well, so a hundred trees
in three steps are the hundred trees of one fit (a test compares them). XGBoost and LightGBM restart their random state, and a
network restarts its step sizes; these are fitted fold by fold instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from training.config import Estimator, Kind, Task
from training.model.estimator_kinds import default_params, resource_of
from training.studies.sweep.spaces import incoming_params

GROWING: tuple[Kind, ...] = ("random_forest", "extra_trees", "gradient_boosting", "hist_gradient_boosting")
"""The kinds that can be fitted in steps exactly."""
_NOT_IN_STEPS = ("early_stopping", "n_iter_no_change", "class_weight")
"""Parameters that depend on all trees or all rows: with them, a fit in steps differs from one fit."""


def can_grow(estimator: Estimator, swept_names: Iterable[str] = ()) -> bool:
    """Return whether an estimator can be fitted in steps with the result of a single fit.

    Args:
        estimator: the estimator with its parameters.
        swept_names: the parameters that the sweep changes.
    """
    set_here = {name for name, value in estimator.params.items() if value}
    return estimator.kind in GROWING and not {*set_here, *swept_names} & {*_NOT_IN_STEPS}


def full_amount(estimator: Estimator, task: Task) -> int:
    """Return the full number of trees or rounds of an estimator.

    Raises:
        ValueError: it has no number of trees or rounds.
    """
    resource = resource_of(estimator.kind)
    if resource is None:
        raise ValueError(f"expected an estimator that can be grown, got {estimator.kind}")
    value = {
        **incoming_params(Estimator(kind=estimator.kind), task, {resource: None}),
        **default_params(estimator.kind, task),
        **estimator.params,
    }[resource]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number of trees or rounds in {resource}, got {value!r}")
    return int(value)
