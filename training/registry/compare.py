"""The comparison of two versions: metrics, parameters, data, and the changes that a client needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tabento.bundle.compatibility import breaking_changes, compatible_changes, incomparable
from tabento.bundle.contract import Contract, Strict
from tabento.bundle.store import Bundle
from training.model.metrics import HIGHER_IS_BETTER
from training.registry.registry import Registry
from training.registry.version import Version

COUNTS = frozenset({"train_rows", "test_rows", "zero_targets"})
"""Counts, of which neither a high nor a low value is better."""


class MetricDifference(Strict):
    """A metric of both versions."""

    first: float | None
    """The metric of the first version; None if it was not measured."""
    second: float | None
    """The metric of the second version; None if it was not measured."""
    difference: float | None
    """The second metric minus the first."""
    better: Literal["first", "second"] | None
    """The better version; None if both are equal, a metric is missing, or the metric is a count."""


class Comparison(Strict):
    """The differences of two versions of a model."""

    first: str
    """``name/number``."""
    second: str
    """``name/number``."""
    metrics: dict[str, MetricDifference]
    """The metrics of either version. Each version was measured on the test part of its own data."""
    same_data: bool
    """Whether both were trained and measured on the same data; if not, the metrics are of different rows."""
    data: tuple[str, str]
    """The checksums of both versions' data."""
    params: dict[str, tuple[str | None, str | None]]
    """The parameters that differ between the runs, with both values; None if a run does not have the parameter."""
    features_added: tuple[str, ...]
    """Features that the second version has and the first does not."""
    features_removed: tuple[str, ...]
    """Features that the first version has and the second does not."""
    breaking: tuple[str, ...]
    """The changes that a client of the first version needs before it can call the second."""
    compatible: tuple[str, ...]
    """The changes that do not break a client."""


def compare(registry: Registry, name: str, first: int, second: int) -> Comparison:
    """Compare two versions; bundles that are not in the BentoML model store are fetched.

    Raises:
        RegistryError: the model or version does not exist, or a bundle differs from the registered bundle.
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
    """Return the differences of the metrics of two versions, by metric, in the order of the first version."""
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


def _missing(left: Contract, right: Contract) -> tuple[str, ...]:
    return tuple(name for name in left.feature_names if name not in right.feature_names)
