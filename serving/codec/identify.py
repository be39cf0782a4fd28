"""The plain decoder for contracts with identifiers: they are checked here, and follow the row's numbers."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Annotated, Any

import msgspec

from serving.codec.decode import Decoder
from serving.codec.input_policies import InputPolicies
from serving.codec.packing import RowPacker
from serving.codec.rows import Rows
from serving.codec.text_decoder import TextDecoder
from tabento.bundle.contract import Contract
from tabento.bundle.identifier import IDENTIFIER_CHARACTERS_LIMIT, LARGEST_IDENTIFIER, Identifier
from tabento.bundle.texts import Texts


class _NotPlainError(Exception):
    """A field does not accept an identifier: the careful decoder names the fault."""


def _identifier_type(identifier: Identifier) -> Any:
    kind: Any = Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_LIMIT)]
    if identifier.pattern is None:
        kind |= Annotated[int, msgspec.Meta(ge=-LARGEST_IDENTIFIER, le=LARGEST_IDENTIFIER)]
    return kind if identifier.required else kind | None


class IdentifyingDecoder(Decoder):
    """Decodes requests for one contract that has identifiers; see ``Decoder``."""

    def __init__(
        self, contract: Contract, max_rows: int, ignore_unknown: bool = False, policies: InputPolicies | None = None
    ) -> None:
        super().__init__(contract, max_rows, ignore_unknown, policies)
        self._packer = RowPacker(contract)
        self._pack = _identifying_pack(contract, self._packer)
        # A text has other quotation marks than an integer, so that they are counted row by row.
        self._holes = True

    def _fields(self, contract: Contract) -> list[tuple[str, Any, bool]]:
        identifiers = contract.identifiers
        return super()._fields(contract) + [
            (identifier.name, _identifier_type(identifier), identifier.required) for identifier in identifiers
        ]

    def decode_plain(self, body: bytes) -> Rows | None:
        """Return the rows of a body that is short and valid, or None if the careful decoder must decide."""
        single = self._is_single(body)
        if len(body) > self._plain_limit(single):
            return None
        packed = self._decode_packed(body, single)
        return None if packed is None else self._packer.rows(packed, single)

    def _packed(self, rows: Any, quotes: int) -> list[bytes] | None:
        try:
            return super()._packed(rows, quotes)
        except _NotPlainError:
            return None


def _identifying_pack(contract: Contract, packer: RowPacker) -> Callable[..., bytes]:
    """Return a function that packs the numbers of a row and the identifiers that follow them.

    It raises struct.error if a number is null, and _NotPlainError if an identifier is not one that its field takes.
    """
    width = len(contract.features)
    checks = [identifier.check() for identifier in contract.identifiers]

    def pack(*values: Any) -> bytes:
        identifiers = [None if value is nan else value for value in values[width:]]
        for value, takes in zip(identifiers, checks, strict=True):
            if not takes(value):
                raise _NotPlainError
        return packer.pack(values[:width], identifiers)

    return pack


def decoder_of(
    contract: Contract,
    max_rows: int,
    ignore_unknown: bool = False,
    texts: Texts | None = None,
    policies: InputPolicies | None = None,
) -> Decoder:
    """Return the decoder for a contract.

    Args:
        contract: see ``Decoder``.
        max_rows: see ``Decoder``.
        ignore_unknown: see ``Decoder``.
        texts: the rules by which the texts of the contract become numbers, if it has texts.
        policies: see ``Decoder``.
    """
    if texts is not None:
        return TextDecoder(contract, max_rows, ignore_unknown, texts, policies)
    kind = IdentifyingDecoder if contract.identifiers else Decoder
    return kind(contract, max_rows, ignore_unknown, policies)
