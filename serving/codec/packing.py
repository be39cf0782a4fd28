"""Packed rows: the numbers of a row as bytes, followed by the identifiers that the answer repeats."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

import msgspec

from serving.codec.rows import Clips, Rows
from tabento.bundle.contract import Contract
from tabento.bundle.identifier import IdentifierValue

_encode = msgspec.json.Encoder().encode


class RowPacker:
    """Packs the rows of one contract.

    A packed row is F numbers of float64 in native byte order, and behind them the numbers of its texts. If the contract
    has identifiers, a JSON object of them follows.

    Args:
        contract: the contract of the model.
        terms: V, the number of float64 values for a row's texts.
    """

    def __init__(self, contract: Contract, terms: int = 0) -> None:
        numbers = struct.Struct(f"={len(contract.features)}d")
        self.pack_numbers = numbers.pack
        self._size = numbers.size + 8 * terms
        keys = [json.dumps(identifier.name, ensure_ascii=False).encode() for identifier in contract.identifiers]
        # One %b for each identifier.
        self._object = b"{%b}" % b",".join(key.replace(b"%", b"%%") + b":%b" for key in keys) if keys else b""

    def pack(self, numbers: Sequence[float], identifiers: Sequence[IdentifierValue], terms: bytes = b"") -> bytes:
        """Return a packed row.

        Args:
            numbers: one for each feature of the contract.
            identifiers: one value for each identifier of the contract.
            terms: the packed numbers of the row's texts.
        """
        packed = self.pack_numbers(*numbers) + terms
        return packed + self._object % tuple(map(_encode, identifiers)) if self._object else packed

    def rows(self, packed: Sequence[bytes], single: bool, clips: Clips | None = None) -> Rows:
        """Return packed rows for the runner.

        Args:
            packed: at least one row; exactly one if the client sent a single object.
            single: whether the client sent a single object.
            clips: the values that were clipped, if there are some.
        """
        if not self._object:
            return Rows(packed[0] if single else b"".join(packed), len(packed), single, clips=clips)
        size = self._size
        objects = [row[size:] for row in packed]
        identifiers = objects[0] if single else b"[%b]" % b",".join(objects)
        return Rows(b"".join([row[:size] for row in packed]), len(packed), single, identifiers, clips)
