"""The numbers of the sources of bundles."""

from __future__ import annotations

from rollout.cascade.counts import FetchCounts, SourceReport
from serving.operations.bundle_numbers import FAMILIES, bundle_values


def test_every_family_has_its_numbers() -> None:
    """Each result of a source is a series with its labels; without a cascade there are no numbers."""
    counts = FetchCounts()
    counts.add(SourceReport("local", "", "missing"))
    counts.add(SourceReport("registry", "http://mlflow", "delivered"))
    counts.add_bytes(7)
    values = bundle_values(counts)
    assert set(values) == {family.name for family in FAMILIES}
    assert values["tabento_bundle_fetches"] == {("local", "missing"): 1, ("registry", "delivered"): 1}
    assert values["tabento_bundle_fetched_bytes"] == {(): 7}
    assert bundle_values(None) == {family.name: {} for family in FAMILIES}
