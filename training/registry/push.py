"""Pushing a bundle to an object store, from which services fetch it: ``<url>/<name>/<version>/<file>``.

The manifest is written last, so a bundle that was pushed halfway is not a bundle for any service.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tabento.bundle.checksums import file_sha256
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import Bundle
from tabento.remote.addresses import describe_error, public_address
from tabento.remote.breakers import breaker_of
from tabento.remote.errors import RemoteUnavailableError
from tabento.remote.retry import RetryPolicy
from training.registry.errors import RegistryError

RETRY = RetryPolicy()
_PERMANENT = (PermissionError, ImportError, ValueError, NotImplementedError, FileNotFoundError)


class PushedBundle(BaseModel):
    """A bundle in an object store."""

    bundle: str
    """``name:version``."""
    url: str
    """The address of the bundle's folder, without user, password and query."""
    manifest_sha256: str
    bytes: int
    """The bytes of all files."""
    uploaded: bool
    """False: the object store had the same bundle already."""


def push_bundle(bundle: Bundle, url: str, *, retry: RetryPolicy = RETRY) -> PushedBundle:
    """Copy a verified bundle to an object store, unless it is there already.

    Args:
        bundle: a bundle of the model store.
        url: the fsspec URL of the folder of all bundles, such as ``s3://bucket/bundles``.
        retry: the attempts of each file.

    Raises:
        RegistryError: the object store has another bundle under this tag, or the address cannot be used.
        RemoteUnavailableError: the object store failed.
    """
    target = _ObjectFolder(url, bundle.tag, retry)
    names = [*(name for name in bundle.manifest.file_names if name != MANIFEST_FILE), MANIFEST_FILE]
    sizes = {name: (bundle.path / name).stat().st_size for name in names}
    checksum = file_sha256(bundle.path / MANIFEST_FILE)
    stored = target.read(MANIFEST_FILE)
    if stored is not None and (actual := hashlib.sha256(stored).hexdigest()) != checksum:
        raise RegistryError(
            f"{target.name} has another bundle under this tag: its {MANIFEST_FILE} has sha256 {actual}, the local one {checksum}."
            " A version is stored once: push under another tag, or remove the folder there if it is wrong."
        )
    is_there = stored is not None and target.sizes() == sizes
    if not is_there:
        for name in names:
            target.write(bundle.path / name)
        if (uploaded := target.sizes()) != sizes:
            raise RemoteUnavailableError(
                f"{target.name} has other files after the upload than the bundle: expected {sizes}, got {uploaded}. Push again."
            )
    return PushedBundle(
        bundle=bundle.tag,
        url=target.name,
        manifest_sha256=checksum,
        bytes=sum(sizes.values()),
        uploaded=not is_there,
    )


class _ObjectFolder:
    """The folder of one bundle in an object store."""

    def __init__(self, url: str, tag: str, retry: RetryPolicy) -> None:
        name, _, version = tag.partition(":")
        self.name = f"{public_address(url)}/{name}/{version}"
        self._url = url
        self._path = f"{name}/{version}"
        self._retry = retry
        self._breaker = breaker_of(url)

    def read(self, file: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""

        def read() -> bytes | None:
            files, folder = self._folder()
            try:
                return bytes(files.cat_file(f"{folder}/{file}"))
            except FileNotFoundError:
                return None

        content = self._call(read)
        assert content is None or isinstance(content, bytes)
        return content

    def write(self, path: Path) -> None:
        """Copy a file under its name."""

        def write() -> None:
            files, folder = self._folder()
            if folder.startswith("/"):
                # A disk or a server with folders. Object stores have none, and would make a bucket of a mistyped name.
                files.makedirs(folder, exist_ok=True)
            files.put_file(str(path), f"{folder}/{path.name}")

        self._call(write)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the files by their names."""

        def sizes() -> dict[str, int]:
            files, folder = self._folder()
            files.invalidate_cache()
            entries = [entry for entry in files.ls(folder, detail=True) if entry["type"] == "file"]
            return {str(entry["name"]).rpartition("/")[2]: int(entry["size"]) for entry in entries}

        return dict(self._call(sizes))

    def _folder(self) -> tuple[Any, str]:
        import fsspec

        files, root = fsspec.core.url_to_fs(self._url)
        return files, f"{root.rstrip('/')}/{self._path}"

    def _call(self, call: Any) -> Any:
        """Return the answer of the object store.

        Raises:
            RegistryError: the address cannot be used, or the object store refuses.
            RemoteUnavailableError: the object store failed.
        """
        try:
            return self._retry.run(call, lambda error: not isinstance(error, _PERMANENT), self._breaker)
        except RemoteUnavailableError:
            raise
        except _PERMANENT as error:
            raise RegistryError(
                f"{self.name} cannot be written: {describe_error(error)}. Check the address, that its bucket or folder exists,"
                " that the library of its scheme is installed (s3fs for s3://), and its credentials."
            ) from error
        except Exception as error:
            raise RemoteUnavailableError(
                f"{self.name} failed: {describe_error(error)}. Check the address and the credentials, and push again."
            ) from error
