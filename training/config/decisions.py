"""What the studies decide and a fit needs: the part of a config that a machine may write.

The stages ``features``, ``select`` and ``sweep`` each hand on a ``Decisions`` in which more is decided; ``best_params.yaml``
is the last of them. It is made of a config's own keys, so that it can be copied into the config by hand.
"""

from __future__ import annotations

from bundle.contract import Strict
from training.config.estimator import Estimator
from training.config.types import Imputer, PositiveInt


class Decisions(Strict):
    """What is fitted, with nothing left open."""

    impute: Imputer
    """What stands in for a missing number."""
    n_clusters: PositiveInt | None
    """How many cluster centres; None without clusters."""
    columns: tuple[str, ...]
    """The contract's features that the model uses, in the contract's order. It is sent the others as well and ignores
    them: what a client sends does not change with what a study finds."""
    estimator: Estimator
    """The model behind the preprocessing."""
