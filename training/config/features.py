"""A config's derived features: what is computed inside the pipeline from what clients send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bundle.contract import Growing, Strict
from training.config.types import PositiveInt


class Ratio(Strict):
    """A derived feature: one number divided by another."""

    name: str
    numerator: str
    denominator: str


class Clusters(Growing):
    """Derived features: similarity of a place to the centres of clusters, see ``ClusterSimilarity``."""

    later_keys = ("label",)

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that span the space, such as latitude and longitude."""
    n_clusters: PositiveInt = 10
    """How many centres."""
    gamma: Annotated[float, Field(gt=0)] = 1.0
    """The width of the Gaussian: exp(-gamma · distance²)."""
    label: bool = False
    """Whether the number of the nearest centre, 0 to n_clusters - 1, is one more feature, ``cluster_label``."""


class Derived(Strict):
    """Features that are computed inside the pipeline from those that clients send."""

    ratios: tuple[Ratio, ...] = ()
    clusters: Clusters | None = None
