"""From predictions to bytes. The JSON is not written by a library: the answer has five parts, of which three are constant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

import msgspec

from runners.work import Values
from serving.codec.rows import Rows
from serving.errors import InternalError

_encode = msgspec.json.Encoder().encode


class Encoder(Protocol):
    """Encodes the answers of one model: ``NumberEncoder``, ``serving.codec.intervals.IntervalEncoder``,
    ``serving.codec.labels.LabelEncoder``, or ``serving.codec.targets.TargetsEncoder``."""

    def encode(self, values: Values, single: bool, request_id: bytes, data: bytes = b"") -> bytes:
        """Return the body of an answer.

        Args:
            values: one prediction a row, from the graph.
            single: whether to answer ``prediction`` instead of ``predictions``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.
            data: the packed rows, see ``serving.codec.rows.Rows``; only an interval by a feature reads them.

        Raises:
            InternalError: the model answered what JSON or its contract cannot say.
        """
        ...


def answer_tail(model: str, version: str) -> bytes:
    """Return the part between the predictions and the request's id.

    Args:
        model: the model's name.
        version: its version in the model store.
    """
    return f',"model":{json.dumps(model)},"version":{json.dumps(version)},"request_id":"'.encode()


class NumberEncoder:
    """Encodes the answers of a regression.

    Args:
        model: the model's name.
        version: its version in the model store.
    """

    def __init__(self, model: str, version: str) -> None:
        self._tail = answer_tail(model, version)

    def encode(self, values: Sequence[float], single: bool, request_id: bytes, data: bytes = b"") -> bytes:
        """Return the body of an answer; see ``Encoder``.

        Args:
            values: one float a row; written with enough digits to read the same float64.
            single: whether to answer ``prediction`` instead of ``predictions``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.
            data: not used.

        Raises:
            InternalError: the model answered NaN or infinity, which JSON cannot say.
        """
        text = _encode(values[0] if single else values)
        if b"n" in text:  # NaN and infinity are written as null; no number has the letter
            raise InternalError(
                "The model answered no finite number for a row; the values may lie far from all training data."
            )
        if single:
            return b'{"prediction":%b%b%b"}' % (text, self._tail, request_id)
        return b'{"predictions":%b%b%b"}' % (text, self._tail, request_id)


def with_additions(content: bytes, rows: Rows) -> bytes:
    """Return the body of an answer with the identifiers and the clipped values of its rows, if they have some.

    Args:
        content: a body as an ``Encoder`` wrote it.
        rows: the rows of the request.
    """
    if rows.identifiers:
        content = with_identifiers(content, rows.identifiers)
    if rows.clips is not None:
        content = b'%b,"clipped":%b}' % (content[:-1], rows.clips.json())
    return content


def with_identifiers(content: bytes, identifiers: bytes) -> bytes:
    """Return the body of an answer that repeats the identifiers of its rows.

    Args:
        content: a body as an ``Encoder`` wrote it.
        identifiers: the identifiers as JSON; see ``serving.codec.rows``.
    """
    return b'%b,"identifiers":%b}' % (content[:-1], identifiers)
