"""The unit of a request by the value of a field of its first row: of a feature, in packed bytes, or of an identifier, in JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Protocol

from tabento.bundle.contract import Contract

_number = struct.Struct("=d").unpack_from


class DecodedRows(Protocol):
    """The rows of a request, as ``serving.codec.rows.Rows``."""

    @property
    def data(self) -> bytes:
        """The packed rows: float64 in native byte order."""
        ...

    @property
    def count(self) -> int:
        """The number of rows."""
        ...

    @property
    def identifiers(self) -> bytes:
        """The identifiers as JSON: an object for a single row, else a list; empty if the contract has none."""
        ...


class FieldError(ValueError):
    """A field cannot decide the arm of a request."""


def field_of(contract: Contract, name: str) -> Callable[[DecodedRows], bytes | None]:
    """Return a function that returns the unit of decoded rows, or None if the field is missing in the first row.

    Args:
        contract: the champion's contract; its decoder made the rows.
        name: a feature or an identifier.

    Raises:
        FieldError: the contract has no such field, or it is a text.
    """
    for index, feature in enumerate(contract.features):
        if feature.name == name:
            if feature.type == "text":
                raise FieldError(
                    f"`sticky` names {name!r}, which is a text: its packed row has numbers of its words only."
                    " Use an identifier, a header or another feature."
                )
            return _feature_reader(8 * index)
    if any(identifier.name == name for identifier in contract.identifiers):
        return _identifier_reader(name)
    raise FieldError(
        f"`sticky` names {name!r}, but {contract.title or 'the contract'} has no such feature or identifier;"
        f" it has {', '.join(contract.field_names)}."
    )


def _feature_reader(offset: int) -> Callable[[DecodedRows], bytes | None]:
    def read(rows: DecodedRows) -> bytes | None:
        (number,) = _number(rows.data, offset)
        # 0.0 and -0.0 are one unit.
        return None if number != number else struct.pack("=d", number + 0.0)

    return read


def _identifier_reader(name: str) -> Callable[[DecodedRows], bytes | None]:
    def read(rows: DecodedRows) -> bytes | None:
        listed = json.loads(rows.identifiers) if rows.identifiers else {}
        first = listed[0] if isinstance(listed, list) else listed
        value = first.get(name)
        return None if value is None else json.dumps(value).encode()

    return read
