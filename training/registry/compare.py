"""Two versions side by side: figures, parameters, data, and what a client would have to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bundle.contract import Contract, Strict
from bundle.store import Bundle
from training.gate.compatibility import breaking_changes, compatible_changes, incomparable
from training.metrics import HIGHER_IS_BETTER
from training.registry.registry import Registry
from training.registry.version import Version

COUNTS = frozenset({"train_rows", "test_rows", "zero_targets"})
"""Figures that say how much, not how well."""


class MetricDifference(Strict):
    """A figure of both versions."""

    first: float | None
    """That of the first version; None where it was not measured."""
    second: float | None
    """That of the second version."""
    difference: float | None
    """The second without the first."""
    better: Literal["first", "second"] | None
    """Which is better; None where they are equal, one is missing, or the figure is a count."""


class Comparison(Strict):
    """What two versions of a model differ in."""

    first: str
    """``name/number``."""
    second: str
    """``name/number``."""
    metrics: dict[str, MetricDifference]
    """Every figure that one of them has. They were measured on the test part of each version's own data."""
    same_data: bool
    """Whether both were trained and measured on the same data; if not, the figures are of different rows."""
    data: tuple[str, str]
    """The checksums of both versions' data."""
    params: dict[str, tuple[str | None, str | None]]
    """The parameters that differ between the runs, with the values of both; None where a run has none."""
    features_added: tuple[str, ...]
    """Features that the second version has and the first does not."""
    features_removed: tuple[str, ...]
    """Features that the first version has and the second does not."""
    breaking: tuple[str, ...]
    """What makes clients of the first version change before they can call the second."""
    compatible: tuple[str, ...]
    """What changes without breaking a client."""


def compare(registry: Registry, name: str, first: int, second: int) -> Comparison:
    """Compare two versions; bundles that are not in the BentoML model store are fetched.

    Raises:
        RegistryError: there is no such model or version, or a bundle differs from what was registered.
        TrackingError, BundleError, SaveError: a bundle cannot be fetched.
    """
    versions = (registry.version(name, first), registry.version(name, second))
    bundles = (registry.bundle(versions[0]), registry.bundle(versions[1]))
    params = (registry.params(versions[0]), registry.params(versions[1]))
    return _comparison(versions, bundles, params)


def _comparison(
    versions: tuple[Version, Version],
    bundles: tuple[Bundle, Bundle],
    params: tuple[Mapping[str, str], Mapping[str, str]],
) -> Comparison:
    old, new = (bundle.contract for bundle in bundles)
    data = (bundles[0].manifest.provenance.data_sha256, bundles[1].manifest.provenance.data_sha256)
    return Comparison(
        first=str(versions[0]),
        second=str(versions[1]),
        metrics=metric_differences(versions[0].metrics, versions[1].metrics),
        same_data=data[0] == data[1],
        data=data,
        params={
            name: (params[0].get(name), params[1].get(name))
            for name in sorted({*params[0], *params[1]})
            if params[0].get(name) != params[1].get(name)
        },
        features_added=_missing(new, old),
        features_removed=_missing(old, new),
        breaking=(*incomparable(old, new), *breaking_changes(old, new)),
        compatible=tuple(compatible_changes(old, new)),
    )


def metric_differences(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, MetricDifference]:
    """Return the figures of two versions side by side, by metric, those of the first in their order."""
    differences = {}
    for name in (*first, *(name for name in second if name not in first)):
        a, b = first.get(name), second.get(name)
        better: Literal["first", "second"] | None = None
        if a is not None and b is not None and name not in COUNTS and a != b:
            better = "second" if (b > a) == (name in HIGHER_IS_BETTER) else "first"
        differences[name] = MetricDifference(
            first=a, second=b, difference=None if a is None or b is None else b - a, better=better
        )
    return differences


def _missing(there: Contract, elsewhere: Contract) -> tuple[str, ...]:
    return tuple(name for name in there.feature_names if name not in elsewhere.feature_names)
