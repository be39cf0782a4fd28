"""Numbers of several workers become one: lasting ones add up, gauges are of the living only."""

from __future__ import annotations

import msgspec

from monitoring.snapshots import Buckets, Family, Snapshot, merge, retire

FAMILIES = (
    Family("asked", "counter", "", ("route",)),
    Family("took", "histogram", "", bounds=(1.0, 2.0)),
    Family("waiting", "sum", ""),
    Family("cost", "max", ""),
)


def _worker(labels: int, waiting: int = 0, cost: float = 0.0) -> Snapshot:
    return Snapshot(
        {"asked": {("/predict",): labels}, "waiting": {(): waiting}, "cost": {(): cost}},
        {"took": Buckets([labels, 0, 1], labels * 0.5)},
    )


def test_workers_add_up() -> None:
    """Counters and buckets are sums, a gauge is a sum or a maximum as its family says."""
    merged = merge(FAMILIES, [_worker(2, 3, 0.1), _worker(5, 4, 0.3)], Snapshot())
    assert merged.values == {"asked": {("/predict",): 7}, "waiting": {(): 7}, "cost": {(): 0.3}}
    assert merged.histograms == {"took": Buckets([7, 0, 2], 3.5)}


def test_a_worker_that_has_ended_keeps_its_counts_and_loses_its_gauges() -> None:
    """The counters of an ended worker stay; its gauges are dropped."""
    retired = retire(FAMILIES, _worker(2, 3, 9.0), retire(FAMILIES, _worker(10, 1), Snapshot()))
    merged = merge(FAMILIES, [_worker(5, 4, 0.3)], retired)
    assert merged.values == {"asked": {("/predict",): 17}, "waiting": {(): 4}, "cost": {(): 0.3}}
    assert merged.histograms == {"took": Buckets([17, 0, 3], 8.5)}


def test_without_workers_there_is_nothing() -> None:
    """No worker has counted anything yet."""
    assert merge(FAMILIES, [], Snapshot()) == Snapshot({"asked": {}, "waiting": {}, "cost": {}})


def test_what_is_in_no_family_is_left_out() -> None:
    """Workers of another version of the code, which may count more, do not break the sum."""
    other = Snapshot({"new": {(): 1}, "asked": {("/predict",): 1}}, {"new too": Buckets([1], 1.0)})
    merged = merge(FAMILIES, [other, _worker(1)], Snapshot())
    assert merged.values["asked"] == {("/predict",): 2}
    assert set(merged.values) == {"asked", "waiting", "cost"}
    assert set(merged.histograms) == {"took"}


def test_a_snapshot_travels() -> None:
    """A snapshot arrives as it was sent, including labels."""
    sent = _worker(2, 3, 0.1)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sent), type=Snapshot) == sent
