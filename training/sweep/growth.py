"""Growth: which estimators can be grown on so that the result is the one of a single fit.

scikit-learn's forests and boosting continue with ``warm_start`` where they stopped: their random numbers go on as well, so
a hundred trees grown in three steps are the hundred trees of one fit (a test compares them). XGBoost and LightGBM begin
their random numbers anew, and a network begins its step sizes anew; these are fitted fold by fold instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from training.config import Estimator, Kind, Task
from training.estimators import default_params, resource_of
from training.sweep.spaces import incoming_params

GROWING: tuple[Kind, ...] = ("random_forest", "extra_trees", "gradient_boosting", "hist_gradient_boosting")
"""The kinds that grow on exactly."""
_DECIDES_ITSELF = ("early_stopping", "n_iter_no_change", "class_weight")
"""Parameters that look at all trees or rows at once: with them, growing on is not the same as one fit."""


def grows(estimator: Estimator, swept: Iterable[str] = ()) -> bool:
    """Say whether an estimator can be grown on exactly.

    Args:
        estimator: with its parameters.
        swept: the parameters that will get other values.
    """
    set_here = {name for name, value in estimator.params.items() if value}
    return estimator.kind in GROWING and not {*set_here, *swept} & {*_DECIDES_ITSELF}


def whole_of(estimator: Estimator, task: Task) -> int:
    """Return how many trees or rounds an estimator has in full.

    Raises:
        ValueError: it cannot be grown.
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
