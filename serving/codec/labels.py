"""From a class's index and its probabilities to bytes. The constant parts of an answer are written once, at start."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import compress

import msgspec

from serving.codec.encode import answer_tail
from serving.errors import InternalError
from tabento.bundle.contract import Label, label_key
from tabento.bundle.numbers import number_text
from tabento.bundle.prediction_set import set_members

ROUNDING = 1e-9
"""The largest distance of a probability from the range 0 to 1: sums and quotients of doubles, as scikit-learn computes them,
exceed the range by some 1e-16. The answer is then 0 or 1. A number at a larger distance is not a probability."""

_encode = msgspec.json.Encoder().encode


class LabelEncoder:
    """Encodes the answers of a classification.

    Args:
        model: the model's name.
        version: its version in the model store.
        classes: the labels, by the index that the graph answers.
        probabilities: whether the graph answers, and the client gets, the probability of each class.
        ranking: whether the client gets the labels from the most to the least probable as well; of equally probable
            ones the earlier class comes first. It goes with ``probabilities``.
        thresholds: the lowest probability at which each label is in the prediction set, if the client gets a set. It goes
            with ``probabilities``.
    """

    def __init__(
        self,
        model: str,
        version: str,
        classes: Sequence[Label],
        probabilities: bool,
        ranking: bool = False,
        thresholds: Sequence[float] | None = None,
    ) -> None:
        self._tail = answer_tail(model, version)
        texts = [_json(label) for label in classes]
        self._labels = {float(index): text for index, text in enumerate(texts)}
        keys = [_json(label_key(label)).replace(b"%", b"%%") for label in classes]
        # One %b for each class: one formatting inserts a row's probabilities.
        self._row = b"{%b}" % b",".join(key + b":%b" for key in keys) if probabilities else None
        self._rankings = _rankings(texts) if ranking else None
        self._sets = None if thresholds is None else _sets(texts, thresholds)

    def encode(self, values: Sequence[Sequence[float]], single: bool, request_id: bytes, data: bytes = b"") -> bytes:
        """Return the body of an answer; see ``serving.codec.encode.Encoder``.

        Args:
            values: a row's class index, followed by C probabilities in the classes' order if they are answered.
            single: whether to answer ``prediction`` instead of ``predictions``.
            request_id: letters, digits, dots, dashes and underscores only: it is not escaped.
            data: not used.

        Raises:
            InternalError: an index is none of a class, or a probability is NaN or lies outside 0 to 1.
        """
        labels = self._labels
        try:
            texts = [labels[row[0]] for row in values]
        except KeyError as error:
            raise unknown_class(error.args[0], len(labels)) from None
        if self._row is None:
            if single:
                return b'{"prediction":%b%b%b"}' % (texts[0], self._tail, request_id)
            return b'{"predictions":[%b]%b%b"}' % (b",".join(texts), self._tail, request_id)
        probabilities, numbers = _check_probabilities([value for row in values for value in row[1:]])
        rankings = self._rankings(probabilities) if self._rankings is not None else None
        # The set is that of the graph's own probabilities, as in training.
        sets = self._sets(values) if self._sets is not None else None
        if single:
            return b'{"prediction":%b,"probabilities":%b%b%b%b%b"}' % (
                texts[0],
                self._row % numbers,
                b"" if rankings is None else b',"ranking":' + rankings[0],
                b"" if sets is None else b',"set":' + sets[0],
                self._tail,
                request_id,
            )
        return b'{"predictions":[%b],"probabilities":[%b]%b%b%b%b"}' % (
            b",".join(texts),
            b",".join([self._row] * len(texts)) % numbers,
            b"" if rankings is None else b',"ranking":[%b]' % b",".join(rankings),
            b"" if sets is None else b',"sets":[%b]' % b",".join(sets),
            self._tail,
            request_id,
        )


def unknown_class(index: float, n_classes: int) -> InternalError:
    """Return the error for a class index that the contract has no label for."""
    return InternalError(
        f"The model answered the class number {number_text(index)} for a row; there are 0 to {n_classes - 1}."
    )


def _rankings(texts: Sequence[bytes]) -> Callable[[list[float]], list[bytes]]:
    """Return a function that ranks the labels of many rows, given C probabilities a row, one row after the other.

    Args:
        texts: the labels as JSON, in the classes' order.
    """
    if len(texts) == 2:
        as_listed, turned = b"[%b,%b]" % (texts[0], texts[1]), b"[%b,%b]" % (texts[1], texts[0])

        def of_two(probabilities: list[float]) -> list[bytes]:
            pairs = zip(probabilities[::2], probabilities[1::2], strict=True)
            return [turned if second > first else as_listed for first, second in pairs]

        return of_two

    places, count = range(len(texts)), len(texts)

    def of_many(probabilities: list[float]) -> list[bytes]:
        rankings = []
        for start in range(0, len(probabilities), count):
            row = probabilities[start : start + count]
            # Python's sort keeps the order of equal values, also in reverse.
            order = sorted(places, key=row.__getitem__, reverse=True)
            rankings.append(b"[%b]" % b",".join([texts[place] for place in order]))
        return rankings

    return of_many


def _sets(texts: Sequence[bytes], thresholds: Sequence[float]) -> Callable[[Sequence[Sequence[float]]], list[bytes]]:
    """Return a function that writes the prediction set of each row: its labels as JSON, in the classes' order.

    Args:
        texts: the labels as JSON, in the classes' order.
        thresholds: see ``tabento.bundle.prediction_set.set_members``.
    """
    if len(texts) == 2:
        first, second = thresholds
        only_first, only_second = b"[%b]" % texts[0], b"[%b]" % texts[1]
        both_labels = b"[%b,%b]" % (texts[0], texts[1])

        def of_two(values: Sequence[Sequence[float]]) -> list[bytes]:
            return [
                (both_labels if row[2] >= second else only_first)
                if row[0] == 0.0
                else (both_labels if row[1] >= first else only_second)
                for row in values
            ]

        return of_two

    def of_many(values: Sequence[Sequence[float]]) -> list[bytes]:
        return [b"[%b]" % b",".join(compress(texts, set_members(thresholds, row))) for row in values]

    return of_many


def _json(value: Label) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _check_probabilities(probabilities: list[float]) -> tuple[list[float], tuple[bytes, ...]]:
    """Return probabilities for the answer, and each as text from which the same float64 is read."""
    text = _encode(probabilities)
    # Only null has the letter: msgspec writes NaN and infinity as null.
    if b"n" in text or min(probabilities) < 0.0 or max(probabilities) > 1.0:
        probabilities = clip_rounding(probabilities)
        text = _encode(probabilities)
    return probabilities, tuple(text[1:-1].split(b","))


def clip_rounding(probabilities: list[float]) -> list[float]:
    """Return probabilities clipped to 0 to 1, if rounding moved them outside.

    Raises:
        InternalError: one is not a probability.
    """
    wrong = [value for value in probabilities if not -ROUNDING <= value <= 1.0 + ROUNDING]
    if wrong:
        raise InternalError(
            f"The model answered {number_text(wrong[0])} as a probability; the values may lie far from all training data."
        )
    return [min(max(value, 0.0), 1.0) for value in probabilities]
