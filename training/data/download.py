"""Download: a config's real data from its address into a cache, checked, and never changed afterwards.

This is the first step of the data. The cache is keyed by sha256: ``<sha256>.csv`` for a CSV file, ``<sha256>.zip`` or
``.tgz`` for an archive, with the unpacked file in the same folder. A file gets its name only when it is complete and its
checksum is right.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import httpx

from tabento.bundle.checksums import file_sha256
from tabento.remote.breakers import breaker_of
from tabento.remote.errors import RemoteUnavailableError
from tabento.remote.retry import RetryPolicy
from tabento.tables.faults import DownloadError
from training.config import Source
from training.data.identity import PLAIN_SUFFIX, cached_suffix
from training.data.kaggle import Download, is_kaggle, kaggle_download

__all__ = ["DownloadError", "fetch", "fetch_unpinned"]

RETRY = RetryPolicy(jitter_s=1.0)
"""Three attempts with 2 and 4 seconds between them. The time limit, 10 seconds, is that of a read: a large file takes longer."""
CONNECT_SHARE = 0.5
"""The share of the time limit of a read in which a connection must be made."""
LIMIT_BYTES = 1 << 30
"""1 GiB; a larger file is treated as a mistake in the address, and would not fit in memory either."""

ABANDONED_S = 86_400.0
"""The age in seconds at which an unfinished file is treated as left by a killed process; no download takes a day."""

_CHUNK_BYTES = 1 << 20
_UNFINISHED = ".part-"
_TEMPORARY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_TEMPORARY_ERRORS = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
_ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, RuntimeError)
"""The errors that the archive readers raise on damaged, encrypted or truncated files."""


class _TemporaryError(Exception):
    """A failure that a new attempt may resolve."""


def fetch(
    source: Source,
    cache_folder: Path,
    *,
    retry: RetryPolicy = RETRY,
    limit_bytes: int = LIMIT_BYTES,
) -> Path:
    """Return the CSV file of a source: from the cache if its checksum is right there, else downloaded.

    Raises:
        DownloadError: the server cannot be reached or answers with an error in all attempts, the checksum differs from
            the config's, the file is too large, or an archive does not contain exactly one CSV file. A failed download
            leaves nothing in the cache.
    """
    cached = cache_folder / f"{source.sha256}{cached_suffix(source.url)}"
    if not (cached.is_file() and file_sha256(cached) == source.sha256):
        _download(source.url, cache_folder, source.sha256, retry, limit_bytes)
    return _unpack(cached, source.url, limit_bytes)


def fetch_unpinned(
    url: str,
    cache_folder: Path,
    *,
    retry: RetryPolicy = RETRY,
    limit_bytes: int = LIMIT_BYTES,
) -> Path:
    """Download an address without a known checksum, on every call, and return its CSV file in the cache.

    Raises:
        DownloadError: for the same reasons as in ``fetch``, except the checksum.
    """
    return _unpack(_download(url, cache_folder, None, retry, limit_bytes), url, limit_bytes)


def _download(
    url: str,
    cache_folder: Path,
    sha256: str | None,
    retry: RetryPolicy,
    limit_bytes: int,
) -> Path:
    """Download with retries, check, and move into place; return the file's path in the cache."""
    remedy = "Check the address and the connection, or give a file with DATA=<path>."
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache_folder)
        with _temporary_file(cache_folder) as (file, temporary):
            request = kaggle_download(url) if is_kaggle(url) else Download(url)
            timeout = httpx.Timeout(retry.timeout_s, connect=retry.timeout_s * CONNECT_SHARE)
            downloaded_sha256 = retry.run(
                lambda: _stream(request, file, timeout, limit_bytes), _is_temporary, breaker_of(request.url)
            )
            if is_kaggle(url) and cached_suffix(url) == PLAIN_SUFFIX:
                downloaded_sha256 = _without_archive(file, temporary, url, limit_bytes) or downloaded_sha256
            file.close()
            if sha256 is not None and downloaded_sha256 != sha256:
                raise DownloadError(
                    f"{url} is not the file that the config names: expected sha256 {sha256}, got {downloaded_sha256}. The file at the"
                    " address was altered; find the original, or correct `source.sha256` after looking at the data."
                )
            return temporary.replace(cache_folder / f"{downloaded_sha256}{cached_suffix(url)}")
    except (*_TEMPORARY_ERRORS, _TemporaryError) as error:
        reason = str(error) or type(error).__name__
        attempts_text = f"{retry.attempts} attempts; the last" if retry.attempts > 1 else "one attempt"
        raise DownloadError(f"could not download {url} in {attempts_text}: {reason}. {remedy}") from error
    except (httpx.HTTPError, httpx.InvalidURL, RemoteUnavailableError) as error:
        raise DownloadError(f"could not download {url}: {error}. {remedy}") from error
    except OSError as error:
        raise DownloadError(f"could not write to the cache folder {cache_folder}: {error}.") from error


def _is_temporary(error: BaseException) -> bool:
    """Return whether another attempt may resolve an error."""
    return isinstance(error, (*_TEMPORARY_ERRORS, _TemporaryError))


def _stream(download: Download, file: IO[bytes], timeout: httpx.Timeout, limit_bytes: int) -> str:
    """Write the body of an address to a file, from its beginning, and return its sha256."""
    file.seek(0)
    file.truncate()
    with httpx.stream("GET", download.url, auth=download.auth, timeout=timeout, follow_redirects=True) as response:
        if response.status_code in _TEMPORARY_STATUS:
            raise _TemporaryError(f"the server answered {response.status_code} {response.reason_phrase}")
        response.raise_for_status()
        return _copy(response.iter_bytes(_CHUNK_BYTES), file, download.url, limit_bytes)


def _copy(chunks: Iterable[bytes], file: IO[bytes], name: str, limit_bytes: int) -> str:
    """Write chunks to a file, refusing to go beyond the limit, and return their sha256."""
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise DownloadError(
                f"{name} is too large: expected at most {limit_bytes:,} bytes. Give a smaller file with DATA=<path>."
            )
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


def _without_archive(file: IO[bytes], path: Path, url: str, limit_bytes: int) -> str | None:
    """Replace a .zip archive by the one CSV file in it, and return the sha256 of that file; None for any other file."""
    file.flush()
    if not zipfile.is_zipfile(path):
        return None
    try:
        with (
            zipfile.ZipFile(path) as archive,
            _open_only_csv(archive, url) as member,
            tempfile.TemporaryFile(dir=path.parent) as plain,
        ):
            digest = _copy(iter(lambda: member.read(_CHUNK_BYTES), b""), plain, f"the CSV file in {url}", limit_bytes)
            plain.seek(0)
            file.seek(0)
            file.truncate()
            shutil.copyfileobj(plain, file)
            file.flush()
    except _ARCHIVE_ERRORS as error:
        raise DownloadError(f"{url} cannot be unpacked: {error}. Give its CSV file with DATA=<path>.") from error
    return digest


def _unpack(raw: Path, url: str, limit_bytes: int) -> Path:
    """Unpack the one CSV file of an archive into the same folder and return it; a plain file is returned as it is.

    Members are copied as streams under the cache's own name, so no path inside an archive is ever used.
    """
    if raw.suffix == PLAIN_SUFFIX:
        return raw
    try:
        with (
            contextlib.closing(zipfile.ZipFile(raw) if raw.suffix == ".zip" else tarfile.open(raw, "r:gz")) as archive,
            _temporary_file(raw.parent) as (file, temporary),
        ):
            with _open_only_csv(archive, url) as member:
                _copy(iter(lambda: member.read(_CHUNK_BYTES), b""), file, f"the CSV file in {url}", limit_bytes)
            file.close()
            return temporary.replace(raw.with_suffix(".csv"))
    except _ARCHIVE_ERRORS as error:
        raise DownloadError(f"{url} cannot be unpacked: {error}. Give its CSV file with DATA=<path>.") from error


def _open_only_csv(archive: zipfile.ZipFile | tarfile.TarFile, url: str) -> IO[bytes]:
    """Open the one CSV file of an archive; hidden files, links and the files that macOS adds are ignored."""
    if isinstance(archive, zipfile.ZipFile):
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    else:
        names = [member.name for member in archive.getmembers() if member.isfile()]
    csv_names = [
        name for name in names if name.lower().endswith(".csv") and not PurePosixPath(name).name.startswith(".")
    ]
    if len(csv_names) != 1:
        raise DownloadError(
            f"expected exactly one CSV file in {url}, got {', '.join(csv_names[:5]) or 'none'}."
            " Unpack it and give the right one with DATA=<path>."
        )
    member = archive.open(csv_names[0]) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(csv_names[0])
    if member is None:
        raise DownloadError(f"{csv_names[0]} in {url} is not a regular file. Give a CSV file with DATA=<path>.")
    return member


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished files of killed processes; a running process removes its own files."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        # Another process may remove it first.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


@contextlib.contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Open a file that is deleted afterwards, unless it was moved to another name."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=_UNFINISHED, delete=False) as file:
        path = Path(file.name)
        try:
            yield file, path
        finally:
            path.unlink(missing_ok=True)
