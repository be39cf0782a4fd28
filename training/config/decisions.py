"""The decisions of the studies, which a fit needs: the part of a config that a program can write.

The stages ``features``, ``select`` and ``sweep`` each pass on a ``Decisions`` with more decided values; ``best_params.yaml``
is the last of them. It consists of a config's own keys, so that it can be copied into the config by hand.
"""

from __future__ import annotations

from tabento.bundle.contract import Strict
from training.config.estimator import Estimator
from training.config.types import Imputer, PositiveInt


class Decisions(Strict):
    """The complete description of a fit."""

    impute: Imputer
    """The method that replaces a missing number."""
    n_clusters: PositiveInt | None
    """The number of cluster centres; None without clusters."""
    columns: tuple[str, ...]
    """The contract's features that the model uses, in the contract's order. Clients send the other features too and the
    model ignores them, so that a request does not change with the result of a study."""
    estimator: Estimator
    """The model behind the preprocessing."""
