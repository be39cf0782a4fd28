"""From columns of values to rows of the contract, for protocols that send one list or array for each field.

Values that are usual and right are checked and packed column by column. If one is not, the checks of the JSON decoder
(``serving.codec.fields``) look at row after row, so that a value is accepted or refused as in JSON, with the same message.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from serving.codec.careful import CarefulDecoder, check_clips
from serving.codec.decode import text_reader
from serving.codec.faults import Faults
from serving.codec.rows import Clips, Rows
from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import Value
from serving.protocols.tensors import Elements, json_value
from tabento.bundle.contract import LARGEST_EXACT_INTEGER, Contract, Feature

BLOCK_ROWS = 1_024
"""The number of rows that are checked before the meter is asked whether the slice is over."""
_CAREFUL_BLOCK_ROWS = 16
_NUMBER_UNITS = 2
_TEXT_UNITS = 30
_FIELD_UNITS = 70
_FAULT_UNITS = 400

QuickCheck = Callable[[Elements], NDArray[np.float64] | None]
"""Returns the numbers of a feature's elements, or None if one of them may be wrong or is unusual."""


def _check_numbers(feature: Feature) -> QuickCheck:
    exact = float(LARGEST_EXACT_INTEGER - 1)
    lower, upper = max(feature.lower, -exact), min(feature.upper, exact)
    integer, nullable = feature.type == "integer", feature.nullable
    types = {int, float, type(None)} if nullable else {int, float}

    def numbers_of(elements: Elements) -> NDArray[np.float64] | None:
        if isinstance(elements, list):
            if not set(map(type, elements)) <= types:
                return None
            try:
                numbers = np.array(elements, np.float64)
            except OverflowError:
                return None
        elif elements.dtype.kind == "b":
            return None
        else:
            numbers = elements.astype(np.float64)
        right = (numbers >= lower) & (numbers <= upper)
        if integer:
            right &= numbers == np.floor(numbers)
        if nullable:
            right |= np.isnan(numbers)
        return numbers if right.all() else None

    return numbers_of


def _check_booleans(feature: Feature) -> QuickCheck:
    nullable = feature.nullable
    types = {bool, type(None)} if nullable else {bool}

    def numbers_of(elements: Elements) -> NDArray[np.float64] | None:
        if isinstance(elements, list):
            return np.array(elements, np.float64) if set(map(type, elements)) <= types else None
        numbers = elements.astype(np.float64) + 0.0  # a negative zero becomes the zero that it is in JSON
        right = (numbers == 0.0) | (numbers == 1.0)
        if nullable:
            right |= np.isnan(numbers)
        return numbers if right.all() else None

    return numbers_of


def _check_texts(feature: Feature) -> QuickCheck:
    codes, find_code = text_reader(feature)
    nullable = feature.nullable

    def numbers_of(elements: Elements) -> NDArray[np.float64] | None:
        numbers: list[float] = []
        for text in elements:
            if isinstance(text, str):
                number = codes.get(text)
                if number is None:
                    number = find_code(text)
            else:
                number = math.nan if text is None and nullable else None
            if number is None:
                return None
            numbers.append(number)
        return np.array(numbers)

    return numbers_of


def _quick_check(feature: Feature) -> QuickCheck:
    if feature.type in ("category", "timestamp"):
        return _check_texts(feature)
    if feature.type == "boolean":
        return _check_booleans(feature)
    return _check_numbers(feature)


class ColumnDecoder:
    """Decodes columns for one contract.

    Args:
        contract: the contract by which requests are checked.
        careful: the decoder of its JSON requests, whose policies, checks and packing are used.
    """

    def __init__(self, contract: Contract, careful: CarefulDecoder) -> None:
        self._names = contract.feature_names
        self._careful = careful
        # Texts and identifiers follow the numbers of their row: only the careful way packs them.
        features = careful.policies.plain.features
        self._checks = [] if contract.texts or contract.identifiers else list(map(_quick_check, features))
        self.nullable = frozenset(
            [feature.name for feature in contract.features if feature.nullable]
            + [identifier.name for identifier in contract.identifiers if not identifier.required]
        )
        """The fields that accept null."""

    def steps(self, columns: Mapping[str, Elements], n_rows: int, meter: WorkMeter) -> Steps[Rows]:
        """Decode columns, and yield between slices of work.

        Args:
            columns: the values of each field; NaN is null.
            n_rows: the number of values in each column, at least 1.
            meter: counts the work.

        Raises:
            InvalidError: the values are not rows of the contract; the faults are listed.
        """
        quick = yield from self._quick_rows(columns, n_rows, meter)
        return quick or (yield from self.row_steps(self._rows_of(columns, n_rows), meter))

    def row_steps(self, rows: Iterable[Sequence[tuple[str, Value]]], meter: WorkMeter) -> Steps[Rows]:
        """Decode rows of names and values by the checks of the JSON decoder, and yield between slices of work.

        Args:
            rows: at least one row.
            meter: counts the work.

        Raises:
            InvalidError: they are not rows of the contract; the faults are listed.
        """
        careful, faults = self._careful, Faults()
        packed: list[bytes] = []
        clips: Clips | None = None
        for row, pairs in enumerate(rows):
            n_faults = len(faults)
            numbers, identifiers = careful.fields.values(row, list(pairs), faults)
            if not faults:
                terms = b"" if careful.texts is None else (yield from careful.texts.pack(dict(pairs), meter))
                if careful.clipper is not None:
                    clips = careful.clipper.clip(row, numbers, clips)
                    check_clips(clips, faults, None)
                packed.append(careful.packer.pack(numbers, identifiers, terms))
            units = _FIELD_UNITS * (len(careful.fields) + len(pairs))
            if meter.spend(units + _FAULT_UNITS * (len(faults) - n_faults)):
                yield
            if faults.too_many:
                faults.refuse(complete=False)
        if faults:
            faults.refuse(complete=True)
        return careful.packer.rows(packed, single=False, clips=clips)

    def _quick_rows(self, columns: Mapping[str, Elements], n_rows: int, meter: WorkMeter) -> Steps[Rows | None]:
        """Return the rows if all values are usual and right, or None if the careful way has to decide."""
        if not self._checks or not columns.keys() <= set(self._names):
            return None
        matrix = np.full((n_rows, len(self._checks)), np.nan)
        for index, (name, check) in enumerate(zip(self._names, self._checks, strict=True)):
            column = columns.get(name)
            if column is None:
                continue
            units = _NUMBER_UNITS if isinstance(column, np.ndarray) else _TEXT_UNITS
            for start in range(0, n_rows, BLOCK_ROWS):
                elements = column[start : start + BLOCK_ROWS]
                numbers = check(elements)
                if numbers is None:
                    return None
                matrix[start : start + BLOCK_ROWS, index] = numbers
                if meter.spend(units * len(elements)):
                    yield
        return Rows(matrix.tobytes(), n_rows, single=False)

    def _rows_of(self, columns: Mapping[str, Elements], n_rows: int) -> Iterator[list[tuple[str, Value]]]:
        """Yield the names and values of each row as the JSON decoder would have read them."""
        for start in range(0, n_rows, _CAREFUL_BLOCK_ROWS):
            stop = min(start + _CAREFUL_BLOCK_ROWS, n_rows)
            block = [self.json_values(name, column[start:stop]) for name, column in columns.items()]
            for values in zip(*block, strict=True):
                yield list(zip(columns, values, strict=True))

    def show(self, name: str | None, value: Value) -> str:
        """Return a value for an error message; see ``ShownValues.show``."""
        return self._careful.fields.message_values.show(name, value)

    def json_values(self, name: str, elements: Elements) -> list[Value]:
        """Return elements of a field as the JSON decoder would have read them; NaN is null if the field accepts null."""
        nullable = name in self.nullable
        values = elements.tolist() if isinstance(elements, np.ndarray) else elements
        return [None if nullable and value != value else json_value(value) for value in values]
