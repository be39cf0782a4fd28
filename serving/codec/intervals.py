"""From numbers and their prediction intervals to bytes. The intervals are computed by the function that training uses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from struct import unpack_from

import msgspec

from serving.codec.encode import answer_tail
from serving.errors import InternalError
from tabento.bundle.interval import Interval, IntervalTable

_encode = msgspec.json.Encoder().encode


class IntervalEncoder:
    """Encodes the answers of a regression with prediction intervals.

    Args:
        model: the model's name.
        version: its version in the model store.
        interval: the table of the contract.
        column: the index of the feature that determines the group of a row; None if the table has one group.
    """

    def __init__(self, model: str, version: str, interval: Interval, column: int | None) -> None:
        self._tail = answer_tail(model, version)
        table = IntervalTable(interval)
        self._ends = table.ends
        self._all_ends = table.all_ends
        self._column = column
        coverage = json.dumps(interval.coverage).encode()
        # One %b for each number: one formatting inserts an answer's numbers.
        self._row = b'{"lower":%%b,"upper":%%b,"coverage":%b}' % coverage
        self._single = b'{"prediction":%b,"interval":' + self._row + b'%b%b"}'

    def encode(self, values: Sequence[float], single: bool, request_id: bytes, data: bytes = b"") -> bytes:
        """Return the body of an answer; see ``serving.codec.encode.Encoder``.

        Args:
            values: one float a row; numbers are written with enough digits to read the same float64.
            single: whether to answer ``prediction`` and ``interval`` instead of ``predictions`` and ``intervals``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.
            data: the packed rows, float64 in native byte order, from which the group of a row is read.

        Raises:
            InternalError: the model answered NaN or infinity, which JSON cannot say.
        """
        column = self._column
        if single:
            value = values[0]
            lower, upper = (
                self._ends(value) if column is None else self._ends(value, unpack_from("d", data, 8 * column)[0])
            )
            text = _encode((value, lower, upper))
            if b"n" in text:  # NaN and infinity are written as null; no number has the letter
                raise _no_finite_number()
            return self._single % (*text[1:-1].split(b","), self._tail, request_id)
        text = _encode(values)
        if b"n" in text:
            raise _no_finite_number()
        by = None
        if column is not None:
            numbers = memoryview(data).cast("d")
            by = numbers[column :: len(numbers) // len(values)].tolist()
        ends = _encode([end for pair in self._all_ends(values, by) for end in pair])
        intervals = b",".join([self._row] * len(values)) % tuple(ends[1:-1].split(b","))
        return b'{"predictions":%b,"intervals":[%b]%b%b"}' % (text, intervals, self._tail, request_id)


def _no_finite_number() -> InternalError:
    return InternalError(
        "The model answered no finite number for a row; the values may lie far from all training data."
    )
