"""From several answers a row to bytes: an object with one key for each target, written once, at start."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from serving.codec.encode import answer_tail
from serving.errors import InternalError
from tabento.bundle.contract import OutputTarget
from tabento.bundle.numbers import number_text

_encode = msgspec.json.Encoder().encode


class TargetsEncoder:
    """Encodes the answers of a model with several answers a row.

    Args:
        model: the model's name.
        version: its version in the model store.
        targets: the targets in the graph's order: all numbers, or all labels.
    """

    def __init__(self, model: str, version: str, targets: Sequence[OutputTarget]) -> None:
        self._tail = answer_tail(model, version)
        keys = [_json(target.name).replace(b"%", b"%%") for target in targets]
        # One %b for each target: one formatting inserts a row's answers.
        self._row = b"{%b}" % b",".join(key + b":%b" for key in keys)
        self._names = [target.name for target in targets]
        self._labels = [
            {float(index): _json(label) for index, label in enumerate(target.classes)}
            for target in targets
            if target.classes is not None
        ]

    def encode(self, values: Sequence[Sequence[float]], single: bool, request_id: bytes, data: bytes = b"") -> bytes:
        """Return the body of an answer; see ``serving.codec.encode.Encoder``.

        Args:
            values: T numbers a row, or T indices of labels, in the targets' order.
            single: whether to answer ``prediction`` instead of ``predictions``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.
            data: not used.

        Raises:
            InternalError: a number is NaN or infinite, which JSON cannot say, or an index is none of a label.
        """
        texts = self._label_texts(values) if self._labels else _number_texts(values)
        if single:
            return b'{"prediction":%b%b%b"}' % (self._row % texts, self._tail, request_id)
        rows = b",".join([self._row] * len(values)) % texts
        return b'{"predictions":[%b]%b%b"}' % (rows, self._tail, request_id)

    def _label_texts(self, values: Sequence[Sequence[float]]) -> tuple[bytes, ...]:
        labels = self._labels
        try:
            return tuple([texts[index] for row in values for texts, index in zip(labels, row, strict=True)])
        except KeyError:
            raise self._unknown_label(values) from None

    def _unknown_label(self, values: Sequence[Sequence[float]]) -> InternalError:
        """Return the error for the first index that does not belong to a label."""
        place, index = next(
            (place, index) for row in values for place, index in enumerate(row) if index not in self._labels[place]
        )
        return InternalError(
            f"The model answered the class number {number_text(index)} of {self._names[place]!r} for a row; there are 0 to"
            f" {len(self._labels[place]) - 1}."
        )


def _number_texts(values: Sequence[Sequence[float]]) -> tuple[bytes, ...]:
    """Return each number as text from which the same float64 is read, row after row."""
    text = _encode([value for row in values for value in row])
    if b"n" in text:  # NaN and infinity are written as null; no number has the letter
        raise InternalError(
            "The model answered no finite number for a row; the values may lie far from all training data."
        )
    return tuple(text[1:-1].split(b","))


def _json(value: bool | int | float | str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
