"""The cascade on a real full disk: a small file system in memory. Only root can mount one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.cascade.errors import StoreWriteError
from rollout.cascade.fetch import Cascade
from rollout.cascade.object_store import ObjectStore
from tabento.bundle.store import read_bundle
from tests.conftest import bentoml_home
from tests.real_parts.test_full_disk import DISK_BYTES
from tests.real_parts.test_full_disk import disk as disk  # a fixture
from tests.retries import AT_ONCE
from tests.rollout.cascade.object_folders import TAG, publish

pytestmark = pytest.mark.real_parts


def test_a_full_disk_stops_the_fetch_and_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    """If the disk is full, the fetch is refused with the remedy, its files are removed, and it succeeds after space was made."""
    publish(tmp_path / "store")
    with bentoml_home(disk / "bentoml") as home:
        filler = disk / "filler"
        filler.write_bytes(bytes(DISK_BYTES - 16_384))
        cascade = Cascade([ObjectStore((tmp_path / "store").as_uri())] * 2, retry=AT_ONCE)
        with pytest.raises(StoreWriteError, match=r"the disk is full. Free space, or remove old versions"):
            cascade.fetch(TAG)
        assert cascade.counts.results == {("local", "missing"): 1}
        assert not [path for path in home.rglob("*") if path.is_file()]
        filler.unlink()
        read_bundle(cascade.fetch(TAG), TAG)
