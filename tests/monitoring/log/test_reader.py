"""Reading the prediction log."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from monitoring.log import sealing
from monitoring.log.reader import find_answers, find_rows, read_log, time_seconds, time_text
from monitoring.log.sealing import seal
from monitoring.log.segments import Segment, list_segments, new_segment
from tests.monitoring.log.logged_rows import FIRST_S, failure, lines_of, monitored

MODEL = monitored()


def write_segment(folder: Path, content: bytes, number: int = 1) -> Segment:
    """Write a plain segment as a process that was killed leaves it."""
    folder.mkdir(exist_ok=True)
    segment = new_segment(folder, FIRST_S + number, "0123abcd", number)
    segment.plain_path.write_bytes(content)
    return segment


def ids(records: object) -> list[str]:
    """Return the request ids of records."""
    return [record["request_id"] for record in records]  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log with two sealed segments and a plain one, of ten rows each."""
    for number in range(3):
        segment = write_segment(tmp_path, lines_of(MODEL, 10 * number, 10), number + 1)
        if number < 2:
            assert seal(segment) is not None
    return tmp_path


def test_records_are_read_in_order(folder: Path) -> None:
    """Sealed and plain segments give their records in the order of time."""
    assert ids(read_log(folder)) == [f"r{index}" for index in range(30)]
    assert [segment.sealed_path.exists() for segment in list_segments(folder)] == [True, True, False]


def test_records_are_selected(folder: Path) -> None:
    """Model, version and time select records; ``until`` is exclusive."""
    assert ids(read_log(folder, since=FIRST_S + 8, until=FIRST_S + 21)) == [f"r{index}" for index in range(8, 21)]
    assert ids(read_log(folder, model="other")) == []
    assert ids(read_log(folder, version="v2")) == []
    assert len(ids(read_log(folder, model="orchard", version="v1"))) == 30


def test_errors_are_read_on_request(tmp_path: Path) -> None:
    """Records of refused requests are omitted unless they are asked for."""
    from monitoring.log.row_lines import encode_failures

    seal(write_segment(tmp_path, lines_of(MODEL, 0, 1) + encode_failures([failure(MODEL, ["age"])])))
    assert ids(read_log(tmp_path)) == ["r0"]
    assert ids(read_log(tmp_path, failures=True)) == ["r0", "wrong"]


def test_a_folder_without_a_log_has_no_records(tmp_path: Path) -> None:
    """A missing folder, and other files in a folder, are not an error."""
    (tmp_path / "notes.jsonl").write_text("{}\n")
    assert list(read_log(tmp_path)) == []
    assert list(read_log(tmp_path / "none")) == []


def test_a_torn_line_is_omitted(tmp_path: Path) -> None:
    """The torn last line of a killed process, and damaged lines, hide no other record, before and after sealing."""
    lines = lines_of(MODEL, 0, 5)
    segment = write_segment(tmp_path, lines + b"\xff\n{}\n[1]\n" + lines_of(MODEL, 5, 2)[:-20])
    expected = [f"r{index}" for index in range(6)]
    assert ids(read_log(tmp_path)) == expected
    index = seal(segment)
    assert index is not None
    assert (index.n_records, index.n_lines) == (6, 9)
    assert ids(read_log(tmp_path)) == expected


def test_rows_are_found_by_request_id(folder: Path) -> None:
    """Rows are found in sealed and plain segments; unknown ids and rows are absent."""
    records = find_rows(folder, [("r3", 0), ("r15", 0), ("r25", 0), ("r3", 1), ("r999", 0), ("\ud800", 0)])
    assert sorted(records) == [("r15", 0), ("r25", 0), ("r3", 0)]
    assert records["r15", 0]["time"] == time_text(FIRST_S + 15)
    assert find_rows(folder, []) == {}


def test_a_lookup_reads_only_the_members_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index names the gzip members; members without the row are not read, so damage there does not matter."""
    monkeypatch.setattr(sealing, "BLOCK_BYTES", 2000)
    segment = write_segment(tmp_path, lines_of(MODEL, 0, 100))
    index = seal(segment)
    assert index is not None
    assert len(index.offsets) > 10
    content = bytearray(segment.sealed_path.read_bytes())
    assert gzip.decompress(content) == lines_of(MODEL, 0, 100)
    content[int(index.offsets[3]) : int(index.offsets[4])] = bytes(int(index.offsets[4] - index.offsets[3]))
    segment.sealed_path.write_bytes(content)
    assert ("r99", 0) in find_rows(tmp_path, [("r99", 0)])
    n_damaged = int(index.first_lines[4] - index.first_lines[3])
    assert len(find_rows(tmp_path, [(f"r{number}", 0) for number in range(100)])) == 100 - n_damaged


def test_a_repeated_request_id_gives_its_latest_row(tmp_path: Path) -> None:
    """If a client reuses a request id, the latest record counts."""
    late = lines_of(MODEL, 0, 1).replace(b'"prediction":0.0', b'"prediction":7.0').replace(b"2026", b"2027")
    seal(write_segment(tmp_path, late + lines_of(MODEL, 0, 1)))
    assert find_rows(tmp_path, [("r0", 0)])["r0", 0]["prediction"] == 7.0


@pytest.mark.parametrize("index", [None, b"", b"PK damaged"])
def test_a_segment_without_an_index_is_read(tmp_path: Path, index: bytes | None) -> None:
    """If the index is missing or damaged, the records are read as if it had never existed."""
    segment = write_segment(tmp_path, lines_of(MODEL, 0, 10))
    seal(segment)
    if index is None:
        segment.index_path.unlink()
    else:
        segment.index_path.write_bytes(index)
    assert len(find_rows(tmp_path, [("r3", 0), ("r7", 0)])) == 2
    assert len(ids(read_log(tmp_path, since=FIRST_S + 5))) == 5


def test_a_log_is_read_from_a_url(folder: Path) -> None:
    """The same functions read a folder at an fsspec URL."""
    url = folder.as_uri()
    assert ids(read_log(url)) == ids(read_log(folder))
    assert ("r15", 0) in find_rows(url, [("r15", 0)])
    assert list(read_log(f"{url}/none")) == []


def test_a_segment_that_is_sealed_while_it_is_read_is_read_once(folder: Path) -> None:
    """A reader that has listed the plain file reads the compressed one, if the plain one is gone, and no line twice."""
    records = read_log(folder)
    first = next(records)
    for segment in list_segments(folder):
        seal(segment)
    assert [first["request_id"], *ids(records)] == [f"r{index}" for index in range(30)]


def test_both_files_of_a_killed_seal_count_once(tmp_path: Path) -> None:
    """A process that was killed between the two last steps of sealing leaves both files; their lines are read once."""
    content = lines_of(MODEL, 0, 10)
    segment = write_segment(tmp_path, content)
    seal(segment)
    segment.plain_path.write_bytes(content)
    assert len(ids(read_log(tmp_path))) == 10
    assert seal(segment) is None
    assert not segment.plain_path.exists()


@pytest.mark.parametrize("time_s", [0.0, 1.5, FIRST_S + 0.123456, 1e12, -1e12])
def test_times_are_texts_that_sort(time_s: float) -> None:
    """Times have the same width; a time out of range is the nearest possible one."""
    assert len(time_text(time_s)) == len("2026-11-28T06:15:29.123456Z")
    if abs(time_s) < 1e11:
        assert time_seconds(time_text(time_s)) == pytest.approx(time_s, abs=1e-6)


def test_a_time_that_is_no_text_is_omitted(tmp_path: Path) -> None:
    """A record that no service wrote does not end the reading of a time."""
    line = b'{"time":5,"request_id":"r","model":"m","version":"v"}\n'
    write_segment(tmp_path, line)
    assert list(read_log(tmp_path, since=0.0)) == []


def test_a_row_in_the_shadow_has_two_records(tmp_path: Path) -> None:
    """The champion's record of a row is the one that a client got; the challenger's is beside it, although it is later."""
    shadow = lines_of(MODEL, 0, 1).replace(b'"variant":"champion"', b'"variant":"challenger"').replace(b"2026", b"2027")
    seal(write_segment(tmp_path, lines_of(MODEL, 0, 1) + shadow))
    answers = find_answers(tmp_path, [("r0", 0)])
    assert [record["variant"] for record in answers["r0", 0]] == ["champion", "challenger"]
    assert find_rows(tmp_path, [("r0", 0)])["r0", 0]["variant"] == "champion"
