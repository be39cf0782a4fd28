"""The version of scikit-learn that fitted a pipeline, read from the bytes of its file. Nothing in the file runs or is created.

Estimators of scikit-learn put ``_sklearn_version`` into the state that they save. In a skops file that is JSON. In a pickle
it is a text after a text, so a search finds it in the bytes, also between the pickle's arrays.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

from tabento.adopt.archive import SCHEMA_MEMBER

SEARCHED_BYTES_MAX = 1 << 30
"""The searched part of an unpacked pickle: a compressed file can unpack to any size."""
_CHUNK = 1 << 20
_OVERLAP = 128
"""Longer than a match: a match across two chunks is found in the second chunk."""
_VERSION = rb"\d{1,4}\.\d{1,4}(?:\.\d{1,4})?(?:(?:a|b|rc|\.post|\.dev)\d{1,4})?"
_VERSION_TEXT = re.compile(_VERSION.decode())
# The key, the instruction that remembers it, then a text: its length in one byte (\x8c) or four (X).
_IN_PICKLE = re.compile(
    rb"_sklearn_version(?:\x94|q.|r.{4})?(?:\x8c(?P<short>.)|X(?P<long>.{4}))(?P<version>" + _VERSION + rb")", re.DOTALL
)


class _Decompressor(Protocol):
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True)
class FittedVersion:
    """The versions that a file names."""

    versions: tuple[str, ...]
    """Each version of scikit-learn in the order of its first mention; empty if the file has no estimator of it."""
    installed: str
    """The installed version of scikit-learn."""

    @property
    def version(self) -> str | None:
        """The version that differs from the installed version, otherwise the version in the file, otherwise None."""
        return next(iter((*self.foreign, *self.versions)), None)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The versions that differ from the installed version."""
        return tuple(text for text in self.versions if text != self.installed)

    @property
    def differs(self) -> bool:
        """Whether the file names a version that is not installed."""
        return bool(self.foreign)

    def words(self, source: str) -> str:
        """Return the beginning of every message about such a file; empty if the versions are the same."""
        if not self.differs:
            return ""
        fitted = " and ".join(self.versions)
        return f"{source} was fitted with scikit-learn {fitted}; this environment has {self.installed}"


UNKNOWN = FittedVersion((), "")
"""The value for an object that was not read from a file."""


def versions_in_pickle(content: bytes) -> FittedVersion:
    """Read the versions from a joblib or pickle file, compressed or not. In a damaged file some can be missing."""
    texts: dict[str, None] = {}
    overlap, searched = b"", 0
    for chunk in _unpacked_chunks(content):
        window = overlap + chunk
        for match in _IN_PICKLE.finditer(window):
            text = match["version"]
            size = match["short"][0] if match["short"] else int.from_bytes(match["long"], "little")
            if size == len(text):
                texts[text.decode()] = None
        overlap = window[-_OVERLAP:]
        searched += len(chunk)
        if searched >= SEARCHED_BYTES_MAX:
            break
    return FittedVersion(tuple(texts), version("scikit-learn"))


def versions_in_skops(archive: zipfile.ZipFile) -> FittedVersion:
    """Read the versions from the description in a skops file; a description that is not valid JSON names none."""
    texts: dict[str, None] = {}
    try:
        pending: list[Any] = [json.loads(archive.read(SCHEMA_MEMBER))]
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        pending = []
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            text = _json_text(node.get("_sklearn_version"))
            if text is not None:
                texts[text] = None
            pending += reversed(list(node.values()))
        elif isinstance(node, list):
            pending += reversed(node)
    return FittedVersion(tuple(texts), version("scikit-learn"))


def _json_text(node: Any) -> str | None:
    """Return the version in a node of a skops description: a JSON text inside a JSON text."""
    content = node.get("content") if isinstance(node, dict) else None
    if not isinstance(content, str):
        return None
    text = content.strip('"')
    return text if _VERSION_TEXT.fullmatch(text) else None


def _unpacked_chunks(content: bytes) -> Iterator[bytes]:
    """Yield the bytes of a pickle; of a compressed file, the bytes before the first damage."""
    decompressor = _decompressor(content)
    stream = io.BytesIO(content)
    while chunk := stream.read(_CHUNK):
        if decompressor is None:
            yield chunk
            continue
        try:
            yield decompressor.decompress(chunk)
        except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
            return
        if decompressor.unused_data:
            return


def _decompressor(content: bytes) -> _Decompressor | None:
    if content.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31)
    if content.startswith(b"\x78"):
        return zlib.decompressobj()
    if content.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if content.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return lzma.LZMADecompressor()
    return None
