"""From predictions to bytes. Written by hand: the answer has five parts, of which three never change."""

from __future__ import annotations

import json
from collections.abc import Sequence

from serving.errors import InternalError


class Encoder:
    """Encodes the answers of one model.

    Args:
        model: the model's name.
        version: its version in the model store.
    """

    def __init__(self, model: str, version: str) -> None:
        tail = f',"model":{json.dumps(model)},"version":{json.dumps(version)},"request_id":"'
        self._tail = tail.encode()

    def encode(self, values: Sequence[float], single: bool, request_id: bytes) -> bytes:
        """Return the body of an answer.

        Args:
            values: one float a row; written with as many digits as it takes to read the same float64 back.
            single: whether to answer ``prediction`` instead of ``predictions``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.

        Raises:
            InternalError: the model answered NaN or infinity, which JSON cannot say.
        """
        text = repr(values[0]) if single else ",".join(map(repr, values))
        if "n" in text:  # of all floats only nan and inf have the letter
            raise InternalError(
                "The model answered no finite number for a row; the values may lie far from all training data."
            )
        if single:
            return b'{"prediction":%b%b%b"}' % (text.encode(), self._tail, request_id)
        return b'{"predictions":[%b]%b%b"}' % (text.encode(), self._tail, request_id)
