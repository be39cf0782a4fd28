"""The upkeep of the log's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring.log.reader import read_log
from monitoring.log.sealing import seal
from monitoring.log.segments import list_segments, new_segment
from monitoring.log.upkeep import FsspecUpload, Upkeep
from monitoring.log.writer import OpenSegment
from tabento.remote.breakers import forget_breakers
from tests.monitoring.log.logged_rows import FIRST_S, lines_of, monitored
from tests.servers import wait_until

MODEL = monitored()
KEEP_S = 1000.0


def upkeep_of(folder: Path, **values: object) -> Upkeep:
    """Return an upkeep at the time of the first row."""
    arguments = {"keep_bytes": 1 << 30, "keep_s": KEEP_S, "clock": lambda: FIRST_S, **values}
    return Upkeep(folder, **arguments)  # type: ignore[arg-type]


def write_segments(folder: Path, count: int, age_s: float = 0.0) -> None:
    """Write plain segments of ten rows, a second apart."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        segment = new_segment(folder, FIRST_S - age_s + number, "0123abcd", number)
        segment.plain_path.write_bytes(lines_of(MODEL, 10 * number, 10))


def names(folder: Path) -> list[str]:
    """Return the names of all files."""
    return sorted(path.name for path in folder.iterdir())


def test_a_segment_of_a_killed_process_is_sealed(tmp_path: Path) -> None:
    """A segment that nobody writes is compressed; one that a living process writes is left alone."""
    write_segments(tmp_path, 2)
    living = OpenSegment(new_segment(tmp_path, FIRST_S + 5, "fedcba98", 1))
    living.write(memoryview(lines_of(MODEL, 20, 1)))
    upkeep = upkeep_of(tmp_path)
    upkeep.run_once()
    assert [segment.plain_path.exists() for segment in list_segments(tmp_path)] == [False, False, True]
    assert len(list(read_log(tmp_path))) == 21
    assert upkeep.n_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    living.close()
    upkeep.run_once()
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_half_compressed_file_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    """A process killed while it sealed leaves a temporary file, which the next one overwrites and removes."""
    write_segments(tmp_path, 1)
    (segment,) = list_segments(tmp_path)
    (tmp_path / f"{segment.stem}.tmp").write_bytes(b"half")
    segment.index_path.write_bytes(b"half")
    upkeep_of(tmp_path).run_once()
    assert names(tmp_path) == [segment.index_path.name, segment.sealed_path.name]
    assert len(list(read_log(tmp_path))) == 10


def test_an_empty_segment_is_removed(tmp_path: Path) -> None:
    """A file without a complete line, as a process leaves it that was killed at once, is removed."""
    new_segment(tmp_path, FIRST_S, "0123abcd", 1).plain_path.write_bytes(b"")
    new_segment(tmp_path, FIRST_S, "0123abcd", 2).plain_path.write_bytes(b'{"time":"20')
    upkeep_of(tmp_path).run_once()
    assert names(tmp_path) == []


def test_the_oldest_segments_are_removed_above_the_limit(tmp_path: Path) -> None:
    """The folder keeps its limit in bytes; the newest segments remain."""
    write_segments(tmp_path, 6)
    upkeep = upkeep_of(tmp_path)
    upkeep.run_once()
    size = upkeep.n_bytes
    limited = upkeep_of(tmp_path, keep_bytes=size // 2)
    limited.run_once()
    assert [segment.stem[-6:] for segment in list_segments(tmp_path)] == ["000003", "000004", "000005"]
    assert limited.n_bytes <= size // 2


def test_old_segments_are_removed(tmp_path: Path) -> None:
    """Segments beyond the age are removed with their indices; other files in the folder remain."""
    write_segments(tmp_path, 2, age_s=KEEP_S + 0.5)
    (tmp_path / "README").write_text("mine")
    upkeep_of(tmp_path).run_once()
    assert [segment.stem[-6:] for segment in list_segments(tmp_path)] == ["000001"]
    assert "README" in names(tmp_path)


def test_a_jump_of_the_clock_removes_nothing(tmp_path: Path) -> None:
    """A clock that is suddenly years ahead does not make the log old."""
    write_segments(tmp_path, 2)
    time = {"s": FIRST_S}
    upkeep = upkeep_of(tmp_path, clock=lambda: time["s"])
    upkeep.run_once()
    time["s"] += 1e8
    upkeep.run_once()
    time["s"] -= 1e8
    upkeep.run_once()
    assert len(list_segments(tmp_path)) == 2


def test_a_segment_that_is_written_is_never_removed(tmp_path: Path) -> None:
    """Neither the age nor the limit in bytes removes the segment of a living process."""
    living = OpenSegment(new_segment(tmp_path, FIRST_S - 10 * KEEP_S, "fedcba98", 1))
    living.write(memoryview(lines_of(MODEL, 0, 10)))
    upkeep_of(tmp_path, keep_bytes=1).run_once()
    assert len(list(read_log(tmp_path))) == 10
    living.close()


def test_sealed_segments_are_uploaded_once(tmp_path: Path) -> None:
    """Each sealed segment and its index are stored at the URL, and read from there; a second pass stores nothing."""
    folder, remote = tmp_path / "log", tmp_path / "remote"
    write_segments(folder, 2)
    upkeep = upkeep_of(folder, upload=FsspecUpload(remote.as_uri()))
    upkeep.run_once()
    assert len(names(remote)) == 4
    assert len(list(read_log(remote.as_uri()))) == 20
    first = remote / names(remote)[0]
    first.unlink()
    upkeep.run_once()
    assert not first.exists()


class BrokenUpload:
    """An upload that fails until it is repaired."""

    def __init__(self) -> None:
        self.is_repaired = False
        self.stored: list[str] = []

    def put(self, paths: list[Path]) -> None:
        """Store the names, or fail."""
        if not self.is_repaired:
            raise ConnectionError("secret-host is unreachable")
        self.stored += [path.name for path in paths]


def test_a_failed_upload_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log goes on here while the store is unreachable, the failure is told once without an address, and nothing is missed."""
    write_segments(tmp_path, 2)
    upload = BrokenUpload()
    upkeep = upkeep_of(tmp_path, upload=upload)
    upkeep.run_once()
    upkeep.run_once()
    assert upkeep.failure == "ConnectionError"
    assert len(caplog.records) == 1
    assert "secret-host" not in caplog.text
    upload.is_repaired = True
    upkeep.run_once()
    assert upkeep.failure != "ConnectionError"
    assert len(upload.stored) == 4


def test_an_upload_that_fails_repeatedly_is_paused(tmp_path: Path) -> None:
    """After five failures the store is not called for a while."""
    forget_breakers()
    (tmp_path / "file").write_text("not a folder")
    upload = FsspecUpload((tmp_path / "file" / "log").as_uri())
    errors: list[str] = []
    for _ in range(6):
        with pytest.raises(OSError) as failure:
            upload.put([])
        errors.append(str(failure.value))
    assert "is not used for now" in errors[-1]
    assert "is not used for now" not in errors[-2]
    forget_breakers()


def test_two_services_in_one_folder_seal_each_segment_once(tmp_path: Path) -> None:
    """A segment that another process seals at this moment is left to it."""
    write_segments(tmp_path, 1)
    (segment,) = list_segments(tmp_path)
    import fcntl

    with segment.plain_path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert seal(segment) is None
        assert segment.plain_path.exists()
    assert seal(segment) is not None
    assert seal(segment) is None


def test_the_thread_works_until_it_is_stopped(tmp_path: Path) -> None:
    """The thread does a pass at once, at each call of ``wake``, and a last one."""
    write_segments(tmp_path, 1)
    upkeep = upkeep_of(tmp_path)
    upkeep.start()
    wait_until(lambda: not list(tmp_path.glob("*.jsonl")), "the first pass")
    write_segments(tmp_path, 2)
    upkeep.wake()
    wait_until(lambda: len(list(tmp_path.glob("*.jsonl.gz"))) == 2, "the second pass")
    write_segments(tmp_path, 3)
    upkeep.stop(10)
    assert len(list(tmp_path.glob("*.jsonl.gz"))) == 3
