"""From records of the prediction log to packed rows, as the service decoded them from the requests.

A record that cannot become a row is skipped with the reason. A private value is not in the log, and another version can need
a feature that the log does not have, or refuse a value that the logged version accepted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, category_codes
from tabento.bundle.timestamp import timestamp_seconds

Record = dict[str, Any]
Floats = NDArray[np.float64]

NO_VALUE = object()
"""Represents a feature that a record does not have."""
INVALID = math.inf
"""The number of a value that the contract does not accept; no packed row has it."""

Reader = Callable[[list[Any]], Floats]
"""Returns the numbers of a feature's logged values; ``INVALID`` for a value that the feature does not accept."""


class RowPacker:
    """Packs records for one contract.

    Args:
        contract: the contract of the bundle that answers the rows.
        n_terms: V, the number of numbers of the texts.
        checked: whether values are checked against the contract. The contract that answered the rows accepted them already, and
            a service can have policies for values outside the ranges.
    """

    def __init__(self, contract: Contract, n_terms: int, *, checked: bool) -> None:
        self._features = [
            (feature, _reader(feature, checked)) for feature in contract.features if feature.type != "text"
        ]
        self._columns = [index for index, feature in enumerate(contract.features) if feature.type != "text"]
        self._texts = [(index, contract.features[index].name) for index in contract.texts]
        self._names = frozenset(contract.feature_names)
        self._n_features = len(contract.features)
        self._n_terms = n_terms

    def pack(
        self, records: Sequence[Record], reasons: Counter[str], blank: frozenset[str] = frozenset()
    ) -> tuple[Floats, list[Record]]:
        """Return packed rows of shape (N, F + V) and their N records.

        Args:
            records: records of rows, in any order.
            reasons: counts the skipped records by reason.
            blank: the features that are NaN in all rows. A record is not skipped if one of them is private.
        """
        counted: Counter[str] = Counter()
        replayable = [record for record in records if not self._lacks_values(record, counted, blank)]
        rows = np.zeros((len(replayable), self._n_features + self._n_terms))
        accepted = np.ones(len(replayable), bool)
        features = [record["features"] for record in replayable]
        for column, (feature, read) in zip(self._columns, self._features, strict=True):
            missing = None if not feature.required else NO_VALUE
            name = feature.name
            if name in blank:
                rows[:, column] = math.nan
                continue
            numbers = read([values.get(name, missing) for values in features])
            invalid = (numbers == INVALID) & accepted
            if invalid.any():
                for index in np.flatnonzero(invalid).tolist():
                    is_absent = features[index].get(name, missing) is NO_VALUE
                    counted[f"the log does not have {name!r}" if is_absent else f"{name!r} is not accepted"] += 1
                accepted &= ~invalid
            rows[:, column] = numbers
        for column, name in self._texts:
            rows[:, column] = [math.nan if values.get(name, NO_VALUE) is None else 0.0 for values in features]
        if self._n_terms:
            self._put_terms(rows, replayable)
        # Nothing is counted if a record raises an error.
        reasons.update(counted)
        if accepted.all():
            return rows, replayable
        return rows[accepted], [replayable[index] for index in np.flatnonzero(accepted).tolist()]

    def _lacks_values(self, record: Record, reasons: Counter[str], blank: frozenset[str]) -> bool:
        private = record.get("private")
        hidden = sorted(self._names.intersection(private) - blank) if private else []
        if hidden:
            reasons[f"{', '.join(map(repr, hidden))} {'is' if len(hidden) == 1 else 'are'} private"] += 1
        elif self._n_terms and "terms" not in record:
            reasons["the log does not have the numbers of its texts"] += 1
        else:
            return False
        return True

    def _put_terms(self, rows: Floats, records: Sequence[Record]) -> None:
        terms = rows[:, self._n_features :]
        for row, record in enumerate(records):
            indices, numbers = record["terms"]
            terms[row, indices] = numbers


def _reader(feature: Feature, checked: bool) -> Reader:
    if feature.type == "category":
        return _lookup(
            category_codes(feature),
            feature,
            UNKNOWN_CATEGORY if feature.unknown == "ignore" or not checked else INVALID,
        )
    if feature.type == "boolean":
        return _lookup({False: 0.0, True: 1.0}, feature, INVALID)
    if feature.type == "timestamp":
        return _timestamps(feature, checked)
    return _numbers(feature, checked)


def _lookup(codes: dict[Any, float], feature: Feature, otherwise: float) -> Reader:
    """Return the reader of a feature whose values are in a table."""
    kind: type = bool if feature.type == "boolean" else str
    null = math.nan if feature.nullable else INVALID
    memo: dict[Any, float] = {}

    def number_of(value: Any) -> float:
        if value is None:
            return null
        if type(value) is not kind:
            return INVALID
        if isinstance(value, str):
            if feature.nullable and value in feature.missing:
                return math.nan
            value = feature.normalise(value)
        return codes.get(value, otherwise)

    def read(values: list[Any]) -> Floats:
        for value in set(map(pair_with_type, values)):
            if value not in memo:
                memo[value] = number_of(value[1])
        return np.array([memo[pair_with_type(value)] for value in values], np.float64)

    return read


def pair_with_type(value: Any) -> tuple[type, Any]:
    """Return a value with its type, because True equals 1 in Python."""
    return type(value), value


def _numbers(feature: Feature, checked: bool) -> Reader:
    def read(values: list[Any]) -> Floats:
        types = set(map(type, values))
        if types <= {int, float, type(None)}:
            numbers = np.array(values, np.float64)  # None becomes NaN
        else:
            numbers = np.array([_number(value) for value in values])
        return _in_range(feature, numbers) if checked else numbers

    return read


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    return float(value) if type(value) in (int, float) else INVALID


def _timestamps(feature: Feature, checked: bool) -> Reader:
    def seconds_of(value: Any) -> float:
        if isinstance(value, str):
            seconds = timestamp_seconds(value)
            return INVALID if seconds is None else seconds
        return _number(value)

    def read(values: list[Any]) -> Floats:
        numbers = np.array([seconds_of(value) for value in values], np.float64)
        return _in_range(feature, numbers) if checked else numbers

    return read


def _in_range(feature: Feature, numbers: Floats) -> Floats:
    """Return numbers with ``INVALID`` in place of those that the feature does not accept."""
    for code in feature.missing_numbers():
        numbers[numbers == code] = math.nan
    accepted = (numbers >= feature.lower) & (numbers <= feature.upper)
    if feature.type == "integer":
        accepted &= numbers == np.floor(numbers)
    if feature.nullable:
        accepted |= np.isnan(numbers)
    return np.where(accepted, numbers, INVALID)
