"""Downloads are retried, checked and cached, against a real server on this computer."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tabento.remote.retry import RetryPolicy
from tests.retries import AT_ONCE
from tests.training.data.conftest import Answer, WebServer
from training.config import Source
from training.data.download import ABANDONED_S, DownloadError, fetch, fetch_unpinned

CSV = b"a,b\n1,2\n3,4\n"


def source(url: str, content: bytes) -> Source:
    """Return a source that expects this content."""
    return Source(url=url, sha256=hashlib.sha256(content).hexdigest())


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def zip_archive(members: dict[str, bytes]) -> bytes:
    """Return a .zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_archive(members: dict[str, bytes]) -> bytes:
    """Return a .tgz archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_file_is_downloaded_once_and_stored_by_its_checksum(web: WebServer, tmp_path: Path) -> None:
    """The second call reads the cache without a request."""
    web.answers = [Answer(body=CSV)]
    csv_source = source(f"{web.url}/data.csv", CSV)
    first = fetch(csv_source, tmp_path / "cache", retry=AT_ONCE)
    second = fetch(csv_source, tmp_path / "cache", retry=AT_ONCE)
    assert first == second == tmp_path / "cache" / f"{csv_source.sha256}.csv"
    assert first.read_bytes() == CSV
    assert web.requests == 1
    assert names(first.parent) == [first.name]


def test_damaged_cached_file_is_downloaded_again(web: WebServer, tmp_path: Path) -> None:
    """A cached file is identified by its checksum, not by its name."""
    web.answers = [Answer(body=CSV)]
    csv_source = source(f"{web.url}/data.csv", CSV)
    (tmp_path / f"{csv_source.sha256}.csv").write_bytes(b"damaged")
    assert fetch(csv_source, tmp_path, retry=AT_ONCE).read_bytes() == CSV
    assert web.requests == 1


@pytest.mark.parametrize(
    "bad",
    [Answer(status=500), Answer(status=503, body=b"busy"), Answer(status=429), Answer(body=CSV, truncate_bytes=5)],
)
def test_temporary_failures_are_retried(web: WebServer, tmp_path: Path, bad: Answer) -> None:
    """A server error or a truncated body is retried, and none of its bytes stay in the file."""
    web.answers = [bad, bad, Answer(body=CSV)]
    assert fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=AT_ONCE).read_bytes() == CSV
    assert web.requests == 3


@pytest.mark.parametrize("bad", [Answer(status=500), Answer(body=CSV, truncate_bytes=5)])
def test_lasting_failure_stops_after_three_attempts(web: WebServer, tmp_path: Path, bad: Answer) -> None:
    """After the third attempt the error names the address and the last reason, and the cache is empty."""
    web.answers = [bad]
    with pytest.raises(
        DownloadError, match=r"could not download http://127.*/data.csv in 3 attempts; the last: .+DATA="
    ):
        fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=AT_ONCE)
    assert web.requests == 3
    assert names(tmp_path) == []


def test_not_found_is_not_retried(web: WebServer, tmp_path: Path) -> None:
    """A missing file is an error after one request."""
    web.answers = [Answer(status=404)]
    with pytest.raises(DownloadError, match="404"):
        fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=AT_ONCE)
    assert web.requests == 1
    assert names(tmp_path) == []


def test_silent_server_times_out(web: WebServer, tmp_path: Path) -> None:
    """A server that does not answer causes a read timeout in each of three attempts."""
    web.answers = [Answer(silent=True)]
    impatient = replace(AT_ONCE, timeout_s=0.1)
    with pytest.raises(DownloadError, match="in 3 attempts"):
        fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=impatient)
    assert web.requests == 3
    assert names(tmp_path) == []


def test_unreachable_server_is_an_error(web: WebServer, tmp_path: Path) -> None:
    """If no server listens, the error names the three attempts."""
    web.answers = [Answer()]
    with pytest.raises(DownloadError, match=r"in 3 attempts; the last: .+"):
        fetch(source("http://127.0.0.1:1/data.csv", CSV), tmp_path, retry=AT_ONCE)


def test_wrong_checksum_is_refused_without_a_retry(web: WebServer, tmp_path: Path) -> None:
    """Altered content is not retried, the message has both checksums, and the cache stays empty."""
    web.answers = [Answer(body=b"altered")]
    csv_source = source(f"{web.url}/data.csv", CSV)
    got = hashlib.sha256(b"altered").hexdigest()
    with pytest.raises(DownloadError, match=f"expected sha256 {csv_source.sha256}, got {got}"):
        fetch(csv_source, tmp_path, retry=AT_ONCE)
    assert web.requests == 1
    assert names(tmp_path) == []


def test_too_large_response_is_refused(web: WebServer, tmp_path: Path) -> None:
    """A body beyond the limit stops the download."""
    web.answers = [Answer(body=CSV)]
    with pytest.raises(DownloadError, match="too large: expected at most 10 bytes"):
        fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=AT_ONCE, limit_bytes=10)
    assert names(tmp_path) == []


def test_redirects_are_followed(web: WebServer, tmp_path: Path) -> None:
    """A redirect to a mirror is followed."""
    web.answers = [Answer(status=302, location="/elsewhere.csv"), Answer(body=CSV)]
    assert fetch(source(f"{web.url}/data.csv", CSV), tmp_path, retry=AT_ONCE).read_bytes() == CSV


@pytest.mark.parametrize(("pack", "suffix"), [(zip_archive, ".zip"), (tar_archive, ".tgz"), (tar_archive, ".tar.gz")])
def test_archive_with_one_csv_is_unpacked(web: WebServer, tmp_path: Path, pack: object, suffix: str) -> None:
    """The archive stays as it is, the CSV file is stored in the same folder, and other files in it are ignored."""
    content = (zip_archive if pack is zip_archive else tar_archive)(
        {"readme.txt": b"hi", "__MACOSX/._d.csv": b"x", "in/d.CSV": CSV}
    )
    web.answers = [Answer(body=content)]
    csv_source = source(f"{web.url}/data{suffix}?raw=1", content)
    for _ in range(2):
        path = fetch(csv_source, tmp_path, retry=AT_ONCE)
        assert path.read_bytes() == CSV
    assert web.requests == 1
    assert names(tmp_path) == [
        f"{csv_source.sha256}.csv",
        f"{csv_source.sha256}{'.zip' if suffix == '.zip' else '.tgz'}",
    ]


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_paths_inside_archives_are_never_used(web: WebServer, tmp_path: Path, suffix: str) -> None:
    """A member whose path leads out of the archive is stored under the cache's own name."""
    content = (zip_archive if suffix == ".zip" else tar_archive)({"../../escaped.csv": CSV})
    web.answers = [Answer(body=content)]
    path = fetch(source(f"{web.url}/data{suffix}", content), tmp_path / "a" / "b", retry=AT_ONCE)
    assert path.parent == tmp_path / "a" / "b"
    assert list(tmp_path.rglob("escaped.csv")) == []


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
@pytest.mark.parametrize(("members", "got"), [({"a.csv": CSV, "b.csv": CSV}, "a.csv, b.csv"), ({"a.txt": CSV}, "none")])
def test_archive_without_exactly_one_csv_is_refused(
    web: WebServer, tmp_path: Path, suffix: str, members: dict[str, bytes], got: str
) -> None:
    """With none or several CSV files only the user can choose."""
    content = (zip_archive if suffix == ".zip" else tar_archive)(members)
    web.answers = [Answer(body=content)]
    with pytest.raises(DownloadError, match=f"expected exactly one CSV file in .*, got {got}"):
        fetch(source(f"{web.url}/data{suffix}", content), tmp_path, retry=AT_ONCE)


def test_link_in_an_archive_is_not_followed(web: WebServer, tmp_path: Path) -> None:
    """A link to a local file is not a CSV file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("data.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "../outside.csv"
        archive.addfile(link)
    (tmp_path / "outside.csv").write_bytes(CSV)
    web.answers = [Answer(body=buffer.getvalue())]
    with pytest.raises(DownloadError, match="got none"):
        fetch(source(f"{web.url}/data.tgz", buffer.getvalue()), tmp_path / "cache", retry=AT_ONCE)


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_damaged_archive_is_refused(web: WebServer, tmp_path: Path, suffix: str) -> None:
    """An invalid archive is an error and leaves no partly unpacked file."""
    web.answers = [Answer(body=b"not an archive")]
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        fetch(source(f"{web.url}/data{suffix}", b"not an archive"), tmp_path, retry=AT_ONCE)
    assert [path.suffix for path in tmp_path.iterdir()] == [suffix]


def test_archive_that_unpacks_too_large_is_refused(web: WebServer, tmp_path: Path) -> None:
    """The size limit applies to unpacked files too, so that a small archive cannot fill the disk."""
    content = zip_archive({"d.csv": b"0" * 100_000})
    web.answers = [Answer(body=content)]
    with pytest.raises(DownloadError, match="too large"):
        fetch(source(f"{web.url}/data.zip", content), tmp_path, retry=AT_ONCE, limit_bytes=5_000)
    assert [path.suffix for path in tmp_path.iterdir()] == [".zip"]


def test_unpinned_address_is_downloaded_every_time(web: WebServer, tmp_path: Path) -> None:
    """Without a checksum a cached file could be outdated."""
    web.answers = [Answer(body=CSV), Answer(body=CSV + b"5,6\n")]
    first = fetch_unpinned(f"{web.url}/data.csv", tmp_path, retry=AT_ONCE)
    second = fetch_unpinned(f"{web.url}/data.csv", tmp_path, retry=AT_ONCE)
    assert (first.read_bytes(), second.read_bytes()) == (CSV, CSV + b"5,6\n")


def test_impossible_address_is_an_error(tmp_path: Path) -> None:
    """An invalid address is a download error, not a traceback."""
    with pytest.raises(DownloadError, match="could not download"):
        fetch_unpinned("http://", tmp_path, retry=AT_ONCE)


def test_cache_folder_that_cannot_be_created_is_named(web: WebServer, tmp_path: Path) -> None:
    """A file in place of the cache folder is reported with its path."""
    web.answers = [Answer(body=CSV)]
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(DownloadError, match=r"could not write to the cache folder .*cache"):
        fetch(source(f"{web.url}/data.csv", CSV), tmp_path / "cache", retry=AT_ONCE)


def _interrupt(seconds: float) -> None:
    """Wait until a user presses Ctrl-C."""
    raise KeyboardInterrupt


def test_interrupted_download_leaves_nothing(web: WebServer, tmp_path: Path) -> None:
    """A run that is stopped while it waits for the next attempt leaves the cache as it was."""
    web.answers = [Answer(body=CSV, truncate_bytes=5)]

    with pytest.raises(KeyboardInterrupt):
        fetch_unpinned(f"{web.url}/trees.csv", tmp_path, retry=RetryPolicy(sleep=_interrupt))
    assert web.requests == 1
    assert not names(tmp_path)


def test_files_of_killed_downloads_are_removed(web: WebServer, tmp_path: Path) -> None:
    """An unfinished file of yesterday is removed; a recent one can belong to another process and stays."""
    web.answers = [Answer(body=CSV)]
    old, new = tmp_path / ".part-old", tmp_path / ".part-new"
    for path in (old, new):
        path.write_bytes(b"half of it")
    yesterday = old.stat().st_mtime - ABANDONED_S - 1
    os.utime(old, (yesterday, yesterday))
    fetch_unpinned(f"{web.url}/trees.csv", tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_server_that_fails_is_not_asked_for_a_while(web: WebServer, tmp_path: Path) -> None:
    """After five failed attempts the server's breaker is open: the next download fails at once, and says so."""
    web.answers = [Answer(status=503)]
    for _ in range(2):
        with pytest.raises(DownloadError):
            fetch_unpinned(f"{web.url}/trees.csv", tmp_path, retry=AT_ONCE)
    with pytest.raises(DownloadError, match=r"is not used for \d+ s after 5 failures"):
        fetch_unpinned(f"{web.url}/trees.csv", tmp_path, retry=AT_ONCE)
    assert web.requests == 5
