"""A config's derived features: what is computed inside the pipeline from what clients send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from bundle.contract import Growing, Strict
from training.config.types import Param, PositiveInt, Sha256


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


class CustomTransformer(Strict):
    """Derived features of a class of one's own, see ``training.config.custom_code``."""

    transformer: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$")
    ]
    """The class, as ``module:Class``; the module is in the config's folder or installed."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that it is given, imputed, in this order."""
    params: dict[str, Param] = {}
    """The arguments with which it is made."""
    sha256: Sha256 | None = None
    """The checksum of its code; filled in when the config is read. If it is in the config, other code is refused."""


class Derived(Growing):
    """Features that are computed inside the pipeline from those that clients send."""

    later_keys = ("custom",)

    ratios: tuple[Ratio, ...] = ()
    clusters: Clusters | None = None
    custom: tuple[CustomTransformer, ...] = ()
    """Features of one's own classes."""
