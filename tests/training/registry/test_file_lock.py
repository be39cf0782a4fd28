"""One process at a time: who comes second waits for the end of the first, however that ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tabento.bundle.store import store_folder
from training.registry.file_lock import one_process_at_a_time, store_lock

HOLDER = """
import sys
from pathlib import Path
from training.registry.file_lock import one_process_at_a_time
with one_process_at_a_time(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_second_waits_for_the_first(tmp_path: Path, is_killed: bool) -> None:
    """It is told that it waits; a lock is free as soon as its process has ended, killed or not."""
    lock = tmp_path / "folder" / "one.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    waited: list[bool] = []

    def let_go() -> None:
        waited.append(holder.poll() is None)
        if is_killed:
            holder.kill()
        else:
            holder.communicate("\n")

    with one_process_at_a_time(lock, let_go):
        assert waited == [True]
    holder.communicate()


def test_nobody_waits_for_a_free_lock_or_for_himself(tmp_path: Path) -> None:
    """Blocks in a block of the same thread run on, and afterwards the lock is free again."""
    lock = tmp_path / "one.lock"
    for _ in range(2):
        with (
            one_process_at_a_time(lock, lambda: pytest.fail("it waits")),
            one_process_at_a_time(lock, lambda: pytest.fail("it waits for itself")),
        ):
            pass


def test_a_lock_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """What then happens is up to the caller."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), one_process_at_a_time(tmp_path / "file" / "one.lock"):
        pass


def test_locks_of_the_store_lie_beside_it(model_store: Path) -> None:
    """Each purpose has its own; what is in the store's folder is BentoML's."""
    assert store_lock("orchard").parent == store_folder().parent
    assert store_lock("orchard") != store_lock("records")
