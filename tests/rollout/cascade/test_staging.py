"""The staging folder: one owner at a time, and nothing remains."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rollout.cascade.errors import BundleUnavailableError
from rollout.cascade.staging import FOLDER, staging_folder

TAG = "orchard:v1"


def test_a_version_has_one_owner_at_a_time(model_store: Path) -> None:
    """A second fetch of the version waits and is refused after its time; a fetch of another version is not."""
    with staging_folder(TAG, 1.0) as folder:
        with (
            pytest.raises(BundleUnavailableError, match="another process has been fetching it"),
            staging_folder(TAG, 0.0),
        ):
            pass
        with staging_folder("orchard:v2", 0.0) as other:
            assert folder != other
        assert folder.is_dir()
    assert not list((model_store / FOLDER).iterdir())


def test_owners_take_turns(model_store: Path) -> None:
    """Many threads get the folder one after the other, and each finds it empty."""
    owners: list[int] = []
    owner_lock = threading.Lock()

    def take_folder(number: int) -> None:
        with staging_folder(TAG, 30.0) as folder:
            assert owner_lock.acquire(blocking=False)
            assert not list(folder.iterdir())
            (folder / "file").write_bytes(b"x")
            owners.append(number)
            owner_lock.release()

    threads = [threading.Thread(target=take_folder, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(owners) == [0, 1, 2, 3]


def test_the_folder_is_removed_after_an_error(model_store: Path) -> None:
    """An error owner_lock leaves no folder and no lock."""

    def fail() -> None:
        with staging_folder(TAG, 0.0) as folder:
            (folder / "part").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list((model_store / FOLDER).iterdir())
