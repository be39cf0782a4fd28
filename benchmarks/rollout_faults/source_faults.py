"""Faults of the sources: the object store has a damaged bundle or hangs, the registry is gone, the disk is full."""

from __future__ import annotations

from benchmarks.monitoring_faults import fill
from benchmarks.rollout_faults.tried_service import TriedService
from benchmarks.rollout_faults.versions import MODEL, store_version, write_version
from tests.rollout.cascade.object_folders import flip_byte, truncate


def damaged_in_object_store(service: TriedService) -> None:
    """Want versions whose files in the object store are truncated, or differ in one byte, and push them again."""
    words = "is damaged or another file"
    for damage in (truncate, flip_byte):
        folder = write_version(service.around.object_folder("v2"), "v2")
        damage(folder)
        service.want("v2")
        service.expect_fault(words, "It is tried again.", in_log=words)
        write_version(folder, "v2")
        service.expect_live("v2")
        service.want("v1")
        service.expect_live("v1")
        service.forget("v2")


def hanging_object_store(service: TriedService) -> None:
    """Want a version whose object store does not answer, then one of the local store, then the first one again."""
    store = service.around.store
    assert store is not None
    write_version(service.around.object_folder("v2"), "v2")
    store_version("v3")
    store.hang()
    service.want("v2")
    service.expect_fault("could not be fetched", "It is tried again.", in_log="is not fetched from")
    service.want("v3")  # the fetch of v2 still waits
    service.expect_swap("v3")
    service.want("v2")
    store.answer()
    service.expect_live("v2")
    service.want("v1")
    service.expect_live("v1")


def registry_gone(service: TriedService) -> None:
    """Close the registry's port; the versions stay, also if the document changes. An alias that moved meanwhile is followed later."""
    registry = service.around.registry
    assert registry is not None
    store_version("v2")
    store_version("v3")
    service.around.stop_registry()
    service.expect_component("registry")
    service.want("v2")  # the document can be changed without the registry
    service.expect_swap("v2")
    service.keep_answer("(none: the last known versions are wanted)", "the last known versions stay")
    registry.register(MODEL, 3, "champion")
    service.live.allow("v3")
    service.around.start_registry()
    service.expect_live("v3")


def full_disk(service: TriedService) -> None:
    """Want a version while the disk of the model store is full; then free it."""
    write_version(service.around.object_folder("v2"), "v2")
    filler = fill(service.around.home)
    service.want("v2")
    service.expect_fault("the disk is full", "It is tried again.")
    left = [str(path) for path in (service.around.home / "fetching").rglob("*") if path.is_file()]
    if left:
        service.failed.append(f"expected no file of the failed fetch, got {left}")
    filler.unlink()
    service.expect_live("v2")
