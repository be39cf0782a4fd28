"""From bytes to typed rows, straight against the contract.

There are two decoders. In the plain one, msgspec parses, type-checks and range-checks in C against types generated from the
contract, and each row is packed into float64 bytes. It accepts only valid bodies of a bounded size in their usual spelling.
Everything else goes to the careful decoder of ``serving.codec.careful``, which works in slices and names every fault. The plain
decoder never accepts a body that the careful one refuses: a property test compares both with a straightforward decoder.

msgspec keeps the last of two equal keys. Such a body has more quotation marks than a row of its fields can have, so
counting them finds it in one scan.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from math import nan
from typing import Annotated, Any

import msgspec
from msgspec.structs import astuple

from serving.codec.careful import CarefulDecoder
from serving.codec.categories import CategoryTable
from serving.codec.input_policies import InputPolicies
from serving.codec.rows import Rows
from serving.codec.slices import Steps, run_steps
from serving.codec.timestamps import TimestampReader
from tabento.bundle.contract import LARGEST_EXACT_INTEGER, RESERVED_NAME, Contract, Feature

PLAIN_BYTES = 256 * 1024
"""A longer body is decoded in slices. The plain decoder takes 0.5 to 2 ms for this length, during which the event loop waits."""
_PLAIN_ROW_BYTES = 32 * 1024
"""A longer body of one row is decoded in slices: a valid row is rarely as long."""
_PLAIN_ROW_BYTES_PER_FEATURE = 64
_BATCH_KEY = b'"instances"'
_BATCH_KEY_WITHIN_BYTES = 64
_QUOTE = b'"'
SHARED_DECODERS = 1_024
"""The largest number of contracts whose compiled decoders are kept: models with the same fields share them, and a model that is loaded
again has them at once. A type that is not kept is only freed by a collection of all objects."""
SHARED_FIELDS_LIMIT = 256
"""The decoders of wider rows are not kept."""


def _field_type(feature: Feature) -> Any:
    kind: Any
    if feature.type in ("category", "timestamp", "text"):
        kind = str
    elif feature.type == "boolean":
        kind = bool
    else:
        # From 2^53 on an integer may have been rounded to a float: the careful decoder sees how it was written.
        exact = float(LARGEST_EXACT_INTEGER - 1)
        kind = Annotated[float, msgspec.Meta(ge=max(feature.lower, -exact), le=min(feature.upper, exact))]
    return kind | None if feature.nullable else kind


def text_reader(feature: Feature) -> tuple[dict[str, float], Callable[[str], float | None]]:
    """Return the numbers of usual texts, and a function that returns the number of any other text, or None."""
    if feature.type == "timestamp":
        reader = TimestampReader(feature)
        return reader.missing, reader.seconds
    table = CategoryTable(feature)
    return table.codes, table.code


def _make_decoders(
    members: tuple[tuple[str, Any, bool], ...], max_rows: int
) -> tuple[Callable[[bytes], Any], Callable[[bytes], Any], Callable[[bytes], Any]]:
    """Return the functions that decode a row, a list of rows, and a body of many rows.

    Args:
        members: name, msgspec type and requiredness of each field of a row.
        max_rows: the largest number of rows in one request.
    """
    names = [name for name, _, _ in members]
    slots = [f"f{index}" for index in range(len(names))]
    fields: list[Any] = [
        (slot, kind) if required else (slot, kind | msgspec.UnsetType, msgspec.UNSET)
        for slot, (_, kind, required) in zip(slots, members, strict=True)
    ]
    row_type: Any = msgspec.defstruct(
        "Row",
        fields,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        rename=dict(zip(slots, names, strict=True)),
    )
    batch_type: Any = msgspec.defstruct(
        "Batch",
        [(RESERVED_NAME, Annotated[list[row_type], msgspec.Meta(min_length=1, max_length=max_rows)])],
        forbid_unknown_fields=True,
        gc=False,
    )
    return (
        msgspec.json.Decoder(row_type).decode,
        msgspec.json.Decoder(list[row_type]).decode,
        msgspec.json.Decoder(batch_type).decode,
    )


_shared_decoders = lru_cache(maxsize=SHARED_DECODERS)(_make_decoders)


def _no_rows(_text: bytes) -> None:
    """Stand for the plain decoder of a closed one: each row is read by the careful decoder."""


class Decoder:
    """Decodes requests for one contract.

    Args:
        contract: what the model takes; if it has identifiers, see ``serving.codec.identify``.
        max_rows: the largest number of rows in one request.
        ignore_unknown: whether fields outside the contract are skipped. A row with such fields is not plain.
        policies: the policies of the contract's features; by default values outside the contract are refused.
    """

    def __init__(
        self,
        contract: Contract,
        max_rows: int,
        ignore_unknown: bool = False,
        policies: InputPolicies | None = None,
    ) -> None:
        policies = policies or InputPolicies(contract)
        contract = policies.plain
        width = len(contract.features)
        members = self._fields(contract)
        make_decoders = _shared_decoders if len(members) <= SHARED_FIELDS_LIMIT else _make_decoders
        decoders = make_decoders(tuple(members), max_rows)
        self._decode_row, self._decode_list, self._decode_batch = decoders
        self._pack: Callable[..., bytes] = struct.Struct(f"={width}d").pack
        self._texts = [
            (index, *text_reader(feature))
            for index, feature in enumerate(contract.features)
            if feature.type in ("category", "timestamp")
        ]
        self._integers = [index for index, feature in enumerate(contract.features) if feature.type == "integer"]
        # Every row has the same number of quotation marks, unless a field may be left out or a text be null.
        texts = {index for index, _, _ in self._texts}
        self._holes = any(
            not feature.required or (feature.nullable and index in texts)
            for index, feature in enumerate(contract.features)
        )
        self._quotes_per_row = 2 * width + 2 * len(self._texts)
        self._plain_row_bytes = min(max(_PLAIN_ROW_BYTES, _PLAIN_ROW_BYTES_PER_FEATURE * width), PLAIN_BYTES)
        self.careful = CarefulDecoder(policies, max_rows, self._plain_rows, ignore_unknown)

    def close(self) -> None:
        """Separate the two decoders, which refer to each other, so that their memory is freed with the last reference to them."""
        self.careful.decode_rows = _no_rows

    def _fields(self, contract: Contract) -> list[tuple[str, Any, bool]]:
        """Return name, msgspec type and requiredness of each field of a row, in the order in which they are packed."""
        return [(feature.name, _field_type(feature), feature.required) for feature in contract.features]

    def decode(self, body: bytes) -> Rows:
        """Return the rows of a request's body.

        Raises:
            MalformedError: the body is not JSON in UTF-8.
            InvalidError: it is JSON but not rows of the contract, or has too many; the faults are listed.
        """
        return run_steps(self.decode_steps(body))

    def decode_steps(self, body: bytes) -> Steps[Rows]:
        """Decode a request's body, and yield between slices of work; see ``decode``."""
        rows = self.decode_plain(body)
        if rows is not None:
            return rows
        yield
        return (yield from self.careful.steps(body))

    def decode_plain(self, body: bytes) -> Rows | None:
        """Return the rows of a body that is short and plainly right, or None if the careful way has to decide."""
        # The helpers below do the same; here each call would be paid for by every request.
        single = _BATCH_KEY not in body[:_BATCH_KEY_WITHIN_BYTES]
        if len(body) > (self._plain_row_bytes if single else PLAIN_BYTES):
            return None
        try:
            rows = (self._decode_row(body),) if single else self._decode_batch(body).instances
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        packed = self._packed(rows, body.count(_QUOTE) - (0 if single else 2))
        if packed is None:
            return None
        return Rows(packed[0] if single else b"".join(packed), len(packed), single)

    def _is_single(self, body: bytes) -> bool:
        """Return whether a body looks like one row, as ``decode_plain`` does."""
        return _BATCH_KEY not in body[:_BATCH_KEY_WITHIN_BYTES]

    def _plain_limit(self, single: bool) -> int:
        """Return how many bytes a plain body has at most."""
        return self._plain_row_bytes if single else PLAIN_BYTES

    def _decode_packed(self, body: bytes, single: bool) -> list[bytes] | None:
        """Return the packed rows of a body, or None if it is not plainly right."""
        try:
            rows = (self._decode_row(body),) if single else self._decode_batch(body).instances
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self._packed(rows, body.count(_QUOTE) - (0 if single else 2))

    def _plain_rows(self, text: bytes) -> list[bytes] | None:
        """Return the packed numbers of rows that are plainly right, written one after another with commas, or None."""
        try:
            rows = self._decode_list(b"[%b]" % text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self._packed(rows, text.count(_QUOTE))

    def _packed(self, rows: Any, quotes: int) -> list[bytes] | None:
        """Pack decoded rows. Returns None if they have more quotation marks than their fields or a text
        that a feature does not take."""
        holes, texts, integers, pack = self._holes, self._texts, self._integers, self._pack
        if not holes and quotes != len(rows) * self._quotes_per_row:
            return None
        packed = []
        for row in rows:
            values = list(astuple(row))
            if holes:
                quotes -= self._fill(values)
            for index, codes, find_code in texts:
                value = values[index]
                if value is nan or value is None:
                    continue
                code = codes.get(value)
                if code is None:
                    code = find_code(value)
                    if code is None:
                        return None
                values[index] = code
            for index in integers:
                value = values[index]
                if value is not nan and value is not None and not value.is_integer():
                    return None
            try:
                packed.append(pack(*values))
            except struct.error:  # a number that is null
                packed.append(pack(*(nan if value is None else value for value in values)))
        return None if holes and quotes else packed

    def _fill(self, values: list[Any]) -> int:
        """Put NaN where a value is missing. Returns the quotation marks that the row must have."""
        quotes = 0
        for index, value in enumerate(values):
            if value is msgspec.UNSET:
                values[index] = nan
            elif value is None:
                values[index] = nan
                quotes += 2
            else:
                quotes += 4 if isinstance(value, str) else 2
        return quotes
