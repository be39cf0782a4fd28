"""With which version of scikit-learn a file was written, read from its bytes: nothing in the file is run or created.

Estimators of scikit-learn put ``_sklearn_version`` into the state that they save. In a skops file that is JSON. In a pickle
it is a text that follows a text, so it is found in the bytes, whatever arrays lie between the pickle's instructions.
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

from training.adoption.archive import SCHEMA_MEMBER

SEARCHED_BYTES_MAX = 1 << 30
"""How much of an unpacked pickle is searched: a compressed file can unpack to any size."""
_CHUNK = 1 << 20
_OVERLAP = 128
"""Longer than a match: one that lies across two chunks is found in the second."""
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
class FittedWith:
    """The versions that a file names."""

    versions: tuple[str, ...]
    """Each version of scikit-learn in the order of its first mention; none if no estimator of it is in the file."""
    installed: str
    """The version of scikit-learn here."""

    @property
    def version(self) -> str | None:
        """The version that differs from the installed one, else the one that the file names, else None."""
        return next(iter((*self.foreign, *self.versions)), None)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The versions that are not the installed one."""
        return tuple(one for one in self.versions if one != self.installed)

    @property
    def differs(self) -> bool:
        """Whether the file names another version than the installed one."""
        return bool(self.foreign)

    def words(self, source: str) -> str:
        """Return the words with which every message about such a file begins; empty if the versions are the same."""
        if not self.differs:
            return ""
        fitted = " and ".join(self.versions)
        return f"{source} was fitted with scikit-learn {fitted}; this environment has {self.installed}"


UNKNOWN = FittedWith((), "")
"""Of an object that came from no file."""


def versions_in_pickle(content: bytes) -> FittedWith:
    """Read the versions from a joblib or pickle file, compressed or not. A damaged file names none, or some."""
    found: dict[str, None] = {}
    kept, searched = b"", 0
    for chunk in _unpacked(content):
        window = kept + chunk
        for match in _IN_PICKLE.finditer(window):
            text = match["version"]
            size = match["short"][0] if match["short"] else int.from_bytes(match["long"], "little")
            if size == len(text):
                found[text.decode()] = None
        kept = window[-_OVERLAP:]
        searched += len(chunk)
        if searched >= SEARCHED_BYTES_MAX:
            break
    return FittedWith(tuple(found), version("scikit-learn"))


def versions_in_skops(archive: zipfile.ZipFile) -> FittedWith:
    """Read the versions from the description in a skops file; a description that is not valid JSON names none."""
    found: dict[str, None] = {}
    try:
        pending: list[Any] = [json.loads(archive.read(SCHEMA_MEMBER))]
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        pending = []
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            text = _json_text(node.get("_sklearn_version"))
            if text is not None:
                found[text] = None
            pending += reversed(list(node.values()))
        elif isinstance(node, list):
            pending += reversed(node)
    return FittedWith(tuple(found), version("scikit-learn"))


def _json_text(node: Any) -> str | None:
    """Return the version in a node of a skops description: a JSON text inside a JSON text."""
    content = node.get("content") if isinstance(node, dict) else None
    if not isinstance(content, str):
        return None
    text = content.strip('"')
    return text if _VERSION_TEXT.fullmatch(text) else None


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield the bytes of a pickle; those of a compressed file as far as it can be unpacked."""
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
