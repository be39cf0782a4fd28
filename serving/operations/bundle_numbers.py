"""The numbers of the sources of bundles, for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.snapshots import Family, Series

if TYPE_CHECKING:
    from rollout.cascade.counts import FetchCounts

FAMILIES = (
    Family(
        "tabento_bundle_fetches",
        "counter",
        "Bundles looked for, by source (local, object_store, registry) and result (delivered, missing, unavailable, refused).",
        ("source", "result"),
    ),
    Family("tabento_bundle_fetched_bytes", "counter", "Bytes of the bundles that were fetched into the model store."),
    Family(
        "tabento_bundles_unchecked",
        "counter",
        "Bundles that were not compared with the registry's checksum, because the registry did not answer.",
    ),
)


def bundle_values(counts: FetchCounts | None) -> dict[str, Series]:
    """Return the numbers of a cascade; all are empty without one."""
    if counts is None:
        return {family.name: {} for family in FAMILIES}
    return {
        "tabento_bundle_fetches": {(kind, result): count for (kind, result), count in counts.results.items()},
        "tabento_bundle_fetched_bytes": {(): counts.n_bytes},
        "tabento_bundles_unchecked": {(): counts.n_unchecked},
    }
