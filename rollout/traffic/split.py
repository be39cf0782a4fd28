"""The split of one model's requests between its champion and its challenger.

The champion has one while a challenger is a canary. The hot path asks it for the model of each request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from rollout.document import Sticky
from rollout.traffic.row_units import DecodedRows, field_of
from rollout.traffic.unit_firsts import UnitFirsts
from rollout.traffic.units import header_in_head, header_in_pairs, limit_of, position, salt_of
from tabento.bundle.contract import Contract

M = TypeVar("M")
"""A live model."""


class Split(Generic[M]):
    """Chooses the model of each request; the share can be changed while requests arrive.

    A request without the header or the field that decides belongs to the unit of its caller.

    Args:
        champion: the model of the requests that the challenger does not get.
        challenger: the model that is tried.
        tag: the challenger's tag, the salt of the split.
        sticky: the property of a request that decides.
        share: the challenger's share of the units, from 0 to 1.
        contract: the champion's contract.

    Raises:
        FieldError: ``sticky`` names a field that the contract does not have, or a text.
    """

    def __init__(self, champion: M, challenger: M, tag: str, sticky: Sticky, share: float, contract: Contract) -> None:
        self.champion = champion
        self.challenger = challenger
        self.share = share
        """The challenger's share; see ``set_share``."""
        self._limit = limit_of(share)
        self._salt = salt_of(tag)
        name = sticky.name or ""
        self.needs_rows = sticky.by == "field"
        """Whether the first row decides: the caller decodes the request with the champion's decoder, calls ``choose_by_row``,
        and decodes the request again if the challenger is chosen."""
        self._by_request = sticky.by == "request"
        self._find_in_head = header_in_head(name) if sticky.by == "header" else None
        self._find_in_pairs = header_in_pairs(name) if sticky.by == "header" else None
        self._field = field_of(contract, name) if self.needs_rows else None
        self.firsts = None if self._by_request else UnitFirsts()
        """The first requests of each unit; None if each request is a unit of its own."""

    def set_share(self, share: float) -> None:
        """Change the challenger's share, from 0 to 1: units that it has keep it if the share grows."""
        self.share = share
        self._limit = limit_of(share)

    def choose(self, head: bytes, key_id: str | None, client_address: str, request_id: bytes) -> M:
        """Return the model of a request: the champion if a field of the first row decides, see ``choose_by_row``.

        Args:
            head: the raw request line and headers; more bytes may follow the empty line only if they have no line that looks like
                the header.
            key_id: the id of the caller's API key; None if it has none.
            client_address: the address of the client.
            request_id: the id of the request.
        """
        if self.needs_rows:
            return self.champion
        unit = None if self._find_in_head is None else self._find_in_head(head)
        return self._of_unit(unit, key_id, client_address, request_id)

    def choose_by_headers(
        self, headers: Iterable[tuple[bytes, bytes]], key_id: str | None, client_address: str, request_id: bytes
    ) -> M:
        """Return the model of a request of ASGI or gRPC; see ``choose``."""
        if self.needs_rows:
            return self.champion
        unit = None if self._find_in_pairs is None else self._find_in_pairs(headers)
        return self._of_unit(unit, key_id, client_address, request_id)

    def choose_by_row(self, rows: DecodedRows, key_id: str | None, client_address: str, request_id: bytes) -> M:
        """Return the model of a request whose first row decides, see ``needs_rows``.

        Args:
            rows: the rows, as the champion's decoder returned them.
            key_id, client_address, request_id: see ``choose``.
        """
        unit = None if self._field is None else self._field(rows)
        return self._of_unit(unit, key_id, client_address, request_id)

    def _of_unit(self, unit: bytes | None, key_id: str | None, client_address: str, request_id: bytes) -> M:
        if unit is None:
            unit = request_id if self._by_request else (key_id or client_address).encode()
        place = position(unit, self._salt)
        if self.firsts is not None:
            self.firsts.note(place, request_id)
        return self.challenger if place < self._limit else self.champion
