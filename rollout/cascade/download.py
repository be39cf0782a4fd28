"""The download of one bundle from one source into a folder: the manifest first, then every file that it lists.

Nothing that a source sends is trusted before its checksum is known. The manifest's own checksum is the registry's, if the
registry is set; otherwise the manifest says only that the files belong together. See docs/signatures.md.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from pathlib import Path

from rollout.cascade.attempt import Attempt
from rollout.cascade.disk import storing
from rollout.cascade.errors import MissingBundleError, RefusedBundleError, TemporarySourceError
from rollout.cascade.local_store import split_tag
from rollout.cascade.source import Source
from tabento.bundle.errors import BundleError
from tabento.bundle.format import MANIFEST_FILE, SIGNATURE_FILE
from tabento.bundle.manifest import BENTOML_FILE, Manifest, read_manifest
from tabento.bundle.signature import SignaturePolicy

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FILES_LIMIT = 100
_MANIFEST_BYTES = 1 << 20
_TEXT_LIMIT = 500
_SIGNATURE_BYTES = 1 << 16
_RESERVED = {MANIFEST_FILE.lower(), BENTOML_FILE.lower(), SIGNATURE_FILE.lower()}
"""The names of a stored bundle's files that a manifest must not list, in small letters."""


class Download:
    """The download of a bundle. A further attempt keeps the complete files of the attempts before it.

    Args:
        source: the source.
        tag: ``name:version``.
        folder: an empty folder, which gets the folders ``files`` and ``parts``.
        max_bytes: the largest number of bytes of all files.
        expected: the sha256 of ``MANIFEST.json``; None if it is unknown.
        signatures: the demanded signatures, which are checked before anything large is downloaded; None: they are not checked.
    """

    def __init__(
        self,
        source: Source,
        tag: str,
        folder: Path,
        max_bytes: int,
        expected: str | None,
        signatures: SignaturePolicy | None = None,
    ) -> None:
        self.files_folder = folder / "files"
        """The folder of the complete files."""
        self._parts_folder = folder / "parts"
        self._source = source
        self._tag = tag
        self._max_bytes = max_bytes
        self._expected = expected
        self._signatures = signatures
        self._numbers = itertools.count()
        with storing(folder):
            self.files_folder.mkdir(parents=True)
            self._parts_folder.mkdir()

    def load(self, attempt: Attempt[Path]) -> Path:
        """Download all files that are not complete yet, and return their folder.

        Raises:
            SourceError: the source failed, does not have the bundle, or has other files.
            StoreWriteError: the disk is full, or the folder cannot be written.
        """
        sizes = self._source.list_files(self._tag)
        attempt.step()
        if MANIFEST_FILE not in sizes:
            raise MissingBundleError(f"it does not have the bundle: there is no {MANIFEST_FILE}")
        self._fetch(attempt, MANIFEST_FILE, sizes[MANIFEST_FILE], _MANIFEST_BYTES, self._expected)
        manifest = self._read_manifest()
        absent = sorted(set(manifest.file_names) - sizes.keys())
        if absent:
            raise RefusedBundleError(f"the bundle is incomplete: it lacks {', '.join(absent)}")
        total = sum(sizes[name] or 0 for name in manifest.files)
        if total > self._max_bytes:
            raise RefusedBundleError(
                f"the bundle is too large: {total} bytes, at most {self._max_bytes} are allowed (`bundle_max_bytes`)"
            )
        if manifest.signed_by is not None:
            self._fetch(attempt, SIGNATURE_FILE, sizes[SIGNATURE_FILE], _SIGNATURE_BYTES, None)
        self._check_signature()
        room = self._max_bytes
        for name, checksum in manifest.files.items():
            room -= self._fetch(attempt, name, sizes[name], room, checksum)
        return self.files_folder

    def _fetch(self, attempt: Attempt[Path], name: str, size: int | None, room: int, checksum: str | None) -> int:
        """Download one file, unless it is complete, and return its bytes."""
        complete = self.files_folder / name
        if complete.exists():
            return complete.stat().st_size
        # An attempt that was given up may still write, so each attempt has parts of its own.
        part = self._parts_folder / f"{next(self._numbers)}-{name}"
        digest = hashlib.sha256()
        length = 0
        with storing(part), part.open("wb") as stream:
            for piece in self._source.read_file(self._tag, name):
                attempt.step()
                length += len(piece)
                if length > room:
                    raise RefusedBundleError(
                        f"{name} has more than the {room} bytes that it may have; all files together may have"
                        f" {self._max_bytes} (`bundle_max_bytes`)"
                    )
                digest.update(piece)
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        if size is not None and length < size:
            raise TemporarySourceError(f"{name} ended after {length} of {size} bytes")
        if checksum is not None and digest.hexdigest() != checksum:
            raise RefusedBundleError(
                f"{name} is damaged or another file: its {length} bytes have sha256 {digest.hexdigest()}, expected {checksum}"
                f" as {'the registry' if name == MANIFEST_FILE else MANIFEST_FILE} says"
            )
        attempt.step()
        with storing(complete):
            part.rename(complete)
        return length

    def describe(self, error: BundleError) -> str:
        """Return the message of a bundle's error as a clause, without the folder, which is removed."""
        text = " ".join(str(error).replace(str(self.files_folder), "the bundle").split())
        return f"its bundle is refused: {text[:_TEXT_LIMIT].rstrip('.')}"

    def _check_signature(self) -> None:
        if self._signatures is None:
            return
        try:
            self._signatures.check(self.files_folder, self._tag)
        except BundleError as error:
            raise RefusedBundleError(self.describe(error)) from None

    def _read_manifest(self) -> Manifest:
        """Read the manifest and refuse one that the service could not load, before anything large is downloaded."""
        try:
            manifest = read_manifest(self.files_folder)
        except BundleError as error:
            raise RefusedBundleError(self.describe(error)) from None
        if manifest.name != split_tag(self._tag)[0]:
            raise RefusedBundleError(f"the bundle is of the model {manifest.name[:100]!r}")
        if len(manifest.files) > _FILES_LIMIT:
            raise RefusedBundleError(f"its {MANIFEST_FILE} lists {len(manifest.files)} files, at most {_FILES_LIMIT}")
        for name in manifest.files:
            if not _FILE_NAME.fullmatch(name) or name.lower() in _RESERVED:
                raise RefusedBundleError(f"its {MANIFEST_FILE} lists {name[:100]!r}, which is not a file of a bundle")
        return manifest
