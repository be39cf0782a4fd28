"""Bundles below an fsspec URL: ``<url>/<name>/<version>/<file>``, as ``tabento models push`` writes them.

The file system's library, such as s3fs, is imported at the first fetch. Its credentials are those of its own environment
variables (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL_S3``, ``FSSPEC_S3_…``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rollout.cascade.errors import MissingBundleError, SourceError, TemporarySourceError
from rollout.cascade.local_store import split_tag
from rollout.cascade.source import CHUNK_BYTES
from tabento.remote.addresses import describe_error, public_address
from tabento.remote.breakers import breaker_of

_BLOCK_BYTES = 8 << 20
"""The bytes of one request for a part of a file."""
_PERMANENT = (PermissionError, ImportError, ValueError, NotImplementedError, IsADirectoryError, NotADirectoryError)
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
"""The classes of botocore, which is not imported here."""


class ObjectStore:
    """A folder of bundles at an fsspec URL.

    Args:
        url: the URL, such as ``s3://bucket/bundles``.
    """

    kind = "object_store"

    def __init__(self, url: str) -> None:
        self.name = public_address(url)
        self.breaker = breaker_of(url)
        self._url = url

    def prepare(self) -> None:
        """Import the library of the file system.

        Raises:
            SourceError: the address or the library cannot be used.
        """
        with _source_errors():
            import fsspec

            fsspec.core.url_to_fs(self._url)

    def list_files(self, tag: str) -> Mapping[str, int | None]:
        """Return the names of a bundle's files with their bytes.

        Raises:
            SourceError: the store does not have the bundle, or failed.
        """
        with _source_errors():
            files, folder = self._folder(tag)
            # Another program may have pushed the bundle since the library last listed the folder.
            files.invalidate_cache()
            try:
                entries = files.ls(folder, detail=True)
            except FileNotFoundError:
                raise MissingBundleError("it does not have the bundle") from None
            return {
                str(entry["name"]).rstrip("/").rpartition("/")[2]: entry.get("size")
                for entry in entries
                if entry.get("type") == "file"
            }

    def read_file(self, tag: str, file: str) -> Iterator[bytes]:
        """Yield the content of a file in pieces.

        Raises:
            SourceError: the store failed, or the file is gone.
        """
        with _source_errors():
            files, folder = self._folder(tag)
            with files.open(f"{folder}/{file}", "rb", block_size=_BLOCK_BYTES) as stream:
                while piece := stream.read(CHUNK_BYTES):
                    yield piece

    def _folder(self, tag: str) -> tuple[Any, str]:
        import fsspec

        name, version = split_tag(tag)
        files, root = fsspec.core.url_to_fs(self._url)
        return files, f"{root.rstrip('/')}/{name}/{version}"


@contextmanager
def _source_errors() -> Iterator[None]:
    """Raise the errors of file systems as errors of a source."""
    try:
        yield
    except SourceError:
        raise
    except _PERMANENT as error:
        raise SourceError(describe_error(error)) from error
    except FileNotFoundError as error:
        raise TemporarySourceError(f"a file is gone ({describe_error(error)})") from error
    except Exception as error:
        if type(error).__name__ in _NO_CREDENTIALS:
            raise SourceError(f"it needs credentials ({describe_error(error)})") from error
        raise TemporarySourceError(describe_error(error)) from error
