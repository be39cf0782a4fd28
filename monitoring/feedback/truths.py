"""Truths: the true values of a request to ``POST /feedback``, read and checked before anything is stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from monitoring.errors import RequestError
from monitoring.records import ErrorDetail
from tabento.bundle.numbers import LARGEST_EXACT_INTEGER, number_text
from tabento.bundle.timestamp import TIMESTAMP_EXAMPLE, timestamp_seconds

Value = bool | int | float | str
LONGEST_TEXT = 1_000
"""The largest number of characters of a label."""
MOST_TARGETS = 1_000
LARGEST_NUMBER = 1e100
"""The largest magnitude of a true number, so that squares and their sums are finite."""
LARGEST_ROW = 2**31 - 1
EARLIEST_S = 0.0
AHEAD_S = 86_400.0
"""The seconds by which the time of a truth may be ahead of the service's clock."""
LISTED_FAULTS = 20
"""The number of faults that an error lists."""

LONG_BYTES = 1 << 20
"""The bytes from which the elements of a list are looked at before they are kept."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
"""The ids that the service accepts from a client, see ``serving.request_ids``."""


class FeedbackItem(msgspec.Struct, forbid_unknown_fields=True):
    """One truth as a client sends it."""

    request_id: str
    """The ``request_id`` of the answer."""
    truth: Value | dict[str, Value]
    """The true number or label; of a model with several targets, an object of them by name."""
    row: int = 0
    """The index of the row in its request."""
    time: str | int | float | None = None
    """The time at which the truth became known: ISO 8601 or Unix seconds; by default the time of arrival."""


class ItemShape(msgspec.Struct, gc=False):
    """The least that every truth has; everything else is skipped."""

    request_id: str


_decode_shapes = msgspec.json.Decoder(list[ItemShape] | ItemShape).decode


@dataclass(frozen=True, slots=True)
class Truth:
    """One truth, ready to be stored."""

    request_id: str
    row: int
    text: str
    """The value as JSON text; equal values have equal texts."""
    time_s: float
    """The Unix time at which it became known, in seconds."""

    @property
    def key(self) -> tuple[str, int]:
        """The row that the truth belongs to."""
        return self.request_id, self.row


def value_text(value: Value | dict[str, Value]) -> str:
    """Return the JSON text of a value; 3 and 3.0 have the same text, and so have objects with another order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{value_text(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, bool | str):
        return json.dumps(value)
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) <= LARGEST_EXACT_INTEGER else repr(number)


def read_truths(content: bytes, now_s: float, limit: int) -> list[Truth]:
    """Read the body of a request: one object, or a list of them.

    Args:
        content: the body.
        now_s: the Unix time in seconds.
        limit: the largest number of truths.

    Raises:
        RequestError: 400 if the body is not JSON, 413 if there are too many truths, 422 if a truth is not valid; nothing of
            the request is then stored.
    """
    _refuse_strange_list(content)
    pieces = _pieces(content)
    if not pieces:
        raise RequestError("Expected at least one truth, got an empty list.")
    if len(pieces) > limit:
        raise RequestError(
            f"Expected at most {limit:,} truths in a request, got {len(pieces):,}. Send them in several requests.",
            status=413,
        )
    decoder = msgspec.json.Decoder(FeedbackItem)
    truths: list[Truth] = []
    faults: list[ErrorDetail] = []
    for position, piece in enumerate(pieces):
        try:
            item = decoder.decode(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(_shape_fault(position, error))
        else:
            fault = _fault(item, position, now_s)
            if fault is None:
                time_s = now_s if item.time is None else _seconds(item.time)
                truths.append(Truth(item.request_id, item.row, value_text(item.truth), time_s or 0.0))
            else:
                faults.append(fault)
        if len(faults) >= LISTED_FAULTS:
            break
    if faults:
        raise RequestError("The feedback is not valid, so nothing of it was stored.", details=faults)
    return truths


def _refuse_strange_list(content: bytes) -> None:
    """Refuse a long list of anything but objects at its first wrong element: millions of numbers would take much memory.

    Raises:
        RequestError: an element is not an object, or is empty.
    """
    if len(content) < LONG_BYTES:
        return
    try:
        _decode_shapes(content)
    except msgspec.ValidationError as error:
        raise RequestError(f"The feedback is not valid, so nothing of it was stored. {str(error)[:200]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # ``_pieces`` reports it


def _pieces(content: bytes) -> Sequence[msgspec.Raw]:
    try:
        if content.lstrip(b" \t\r\n").startswith(b"["):
            return msgspec.json.decode(content, type=list[msgspec.Raw])
        return [msgspec.json.decode(content, type=msgspec.Raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"Expected JSON: an object or a list of objects. {error}", status=400) from None


def _shape_fault(position: int, error: Exception) -> ErrorDetail:
    """Describe an object of another shape. The message of the decoder quotes names and types, never a value."""
    text = str(error)
    field = re.search(r"at `\$\.(\w+)", text)
    known_field = field.group(1) if field and field.group(1) in FeedbackItem.__struct_fields__ else None
    expected = "an object with request_id, truth and optionally row and time"
    return ErrorDetail(position, known_field, expected, text[:200])


def _fault(item: FeedbackItem, position: int, now_s: float) -> ErrorDetail | None:
    """Return the first fault of an item; None if it is valid. A truth is never quoted."""
    if _SAFE_ID(item.request_id) is None:
        expected = "the request_id of an answer: at most 128 letters, digits, dots, underscores and hyphens"
        return ErrorDetail(position, "request_id", expected, f"a text of {len(item.request_id)} characters")
    if not 0 <= item.row <= LARGEST_ROW:
        return ErrorDetail(position, "row", "the index of a row, from 0", str(item.row)[:40])
    values = list(item.truth.values()) if isinstance(item.truth, dict) else [item.truth]
    names = list(item.truth) if isinstance(item.truth, dict) else []
    if isinstance(item.truth, dict) and not 0 < len(names) <= MOST_TARGETS:
        return ErrorDetail(position, "truth", f"1 to {MOST_TARGETS} targets", f"{len(names)} targets")
    for text in (*names, *(value for value in values if isinstance(value, str))):
        if len(text) > LONGEST_TEXT:
            return ErrorDetail(position, "truth", f"at most {LONGEST_TEXT} characters", f"{len(text)} characters")
    if not all(_is_finite(value) for value in values):
        return ErrorDetail(position, "truth", f"a number up to {number_text(LARGEST_NUMBER)}", "a larger number")
    if item.time is None:
        return None
    time_s = _seconds(item.time)
    if time_s is None or not EARLIEST_S <= time_s <= now_s + AHEAD_S:
        expected = f"ISO 8601 such as {TIMESTAMP_EXAMPLE}, or Unix seconds; from 1970 to at most a day ahead"
        return ErrorDetail(position, "time", expected, str(item.time)[:40])
    return None


def _is_finite(value: Value) -> bool:
    if isinstance(value, str):
        return True
    try:
        return math.isfinite(value) and abs(value) <= LARGEST_NUMBER
    except OverflowError:
        return False


def _seconds(time: str | int | float) -> float | None:
    if isinstance(time, str):
        return timestamp_seconds(time)
    return float(time) if _is_finite(time) else None
