"""From predicted rows to lines of JSON. The columns are converted as a whole; msgspec then encodes one structure for each row."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, compress, islice, repeat
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from monitoring.core_time import offer_core
from monitoring.privacy import Privacy
from monitoring.rows import Failure, Floats, MonitoredModel, PredictedRows
from tabento.bundle.contract import Contract, Feature, answer_width, label_key, timestamp_seconds, timestamp_text
from tabento.bundle.interval import IntervalTable
from tabento.bundle.prediction_set import set_members

DROP, HASH = "drop", "hash"
UNKNOWN = "<unknown>"
"""The logged value of a category that the contract does not list."""
LINES_AT_ONCE = 128
"""The number of lines that are encoded at once, in some 0.2 ms."""
MS_DIGITS = 3
"""The digits of milliseconds after the point."""

_Column = Iterable[Any]
_encoder = msgspec.json.Encoder()
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class LoggedRow(msgspec.Struct, gc=False):
    """One row; see docs/prediction-log.md for its keys. ``UNSET`` is absent."""

    time: Any
    request_id: Any
    row: Any
    key: Any
    model: Any
    version: Any
    variant: Any
    share: Any
    features: Any
    private: Any
    terms: Any
    identifiers: Any
    prediction: Any
    probabilities: Any
    interval: Any
    set: Any
    queue_ms: Any
    batch_ms: Any
    total_ms: Any
    cache: Any
    deadline_ms: Any
    trace_id: Any


class LoggedFailure(msgspec.Struct, gc=False):
    """One refused request."""

    time: Any
    request_id: Any
    key: Any
    model: Any
    version: Any
    variant: Any
    status: Any
    code: Any
    fields: Any
    total_ms: Any
    trace_id: Any


class LoggedInterval(msgspec.Struct, gc=False):
    """The interval of a row."""

    lower: float
    upper: float


class RowEncoder:
    """Encodes the rows of one model.

    Args:
        model: the model.
        privacy: the treatment of its private fields.
        share: the share of requests that the log keeps.
    """

    def __init__(self, model: MonitoredModel, privacy: Privacy, share: float = 1.0) -> None:
        contract = model.contract
        self._model = model
        self._treatments = privacy.private
        self._hash_value = privacy.hash_value
        self._share = share
        names = [name for name in contract.field_names if name in self._treatments]
        self._private = (
            msgspec.Raw(_encoder.encode({name: self._treatments[name] for name in names})) if names else UNSET
        )
        logged = [
            index for index, feature in enumerate(contract.features) if self._treatments.get(feature.name) != DROP
        ]
        self._columns = [(index, feature_column(contract.features[index])) for index in logged]
        self._hashed = [
            (position, contract.features[index].name)
            for position, index in enumerate(logged)
            if self._treatments.get(contract.features[index].name) == HASH
        ]
        self._features = _features_type([contract.features[index].name for index in logged])
        self._logs_terms = bool(contract.texts) and not any(
            contract.features[index].name in self._treatments for index in contract.texts
        )
        self._private_identifiers = [
            identifier.name for identifier in contract.identifiers if identifier.name in self._treatments
        ]
        self._answer_columns = _answer_columns(contract)

    def encode(self, rows: PredictedRows) -> bytes:
        """Return one line for each row."""
        count = rows.count
        columns = rows.numbers.T.tolist()
        features = [column(columns[index]) for index, column in self._columns]
        for position, name in self._hashed:
            features[position] = [
                value if value is None or value is UNSET else self._hash_value(name, value)
                for value in features[position]
            ]
        model = self._model
        prediction, probabilities, interval, prediction_set = self._answer_columns(rows)
        milliseconds = np.round(np.array((rows.queue_s, rows.batch_s, rows.total_s)) * 1e3, MS_DIGITS).tolist()
        logged = map(
            LoggedRow,
            time_texts(rows.times_s),
            rows.request_ids,
            rows.row_numbers.tolist(),
            _optional(rows.callers),
            repeat(model.name, count),
            repeat(model.version, count),
            repeat(model.variant, count),
            repeat(UNSET if self._share >= 1 else self._share, count),
            map(self._features, *features) if features else repeat({}, count),
            repeat(self._private, count),
            _sparse(rows.terms) if self._logs_terms else repeat(UNSET, count),
            self._identifiers(rows),
            prediction,
            probabilities,
            interval,
            prediction_set,
            *milliseconds,
            _optional(rows.caches),
            _optional_numbers(rows.deadlines_ms),
            _optional(rows.trace_ids),
        )
        parts, n_lines = [], 0
        while lines := list(islice(logged, LINES_AT_ONCE)):
            n_lines += len(lines)
            parts.append(_encoder.encode_lines(lines))
            offer_core()
        if n_lines != count:
            raise ValueError(f"expected {count} values in each column, got {n_lines} in one")
        return b"".join(parts)

    def _identifiers(self, rows: PredictedRows) -> _Column:
        if not self._model.contract.identifiers:
            return repeat(UNSET, rows.count)
        if not self._private_identifiers:
            return [msgspec.Raw(content) if content else UNSET for content in rows.identifiers]
        return [self._public_identifiers(content) if content else UNSET for content in rows.identifiers]

    def _public_identifiers(self, content: bytes) -> dict[str, Any]:
        identifiers = _decode_object(content)
        for name in self._private_identifiers:
            value = identifiers.pop(name, None)
            if value is not None and self._treatments[name] == HASH:
                identifiers[name] = self._hash_value(name, value)
        return identifiers


def encode_failures(failures: Sequence[Failure]) -> bytes:
    """Return one line for each refused request."""
    times = time_texts(np.array([failure.time_s for failure in failures], np.float64))
    return _encoder.encode_lines(
        [
            LoggedFailure(
                time=time,
                request_id=failure.record.request_id.decode(errors="replace"),
                key=UNSET if failure.record.caller is None else failure.record.caller,
                model=failure.model.name,
                version=failure.model.version,
                variant=failure.model.variant,
                status=failure.record.status,
                code=failure.record.code,
                fields=failure.record.fields or UNSET,
                total_ms=round(failure.record.total_s * 1e3, MS_DIGITS),
                trace_id=UNSET if failure.record.trace_id is None else failure.record.trace_id,
            )
            for time, failure in zip(times, failures, strict=True)
        ]
    )


def sample(rows: PredictedRows, share: float) -> PredictedRows | None:
    """Return the rows of the requests that the log keeps; None if there are none.

    The request id alone decides, so all rows of a request, and both variants of it, are kept or omitted together.
    """
    limit = int(share * 2**32)
    is_kept = [zlib.crc32(request_id.encode(errors="replace")) < limit for request_id in rows.request_ids]
    count = sum(is_kept)
    if count in (0, rows.count):
        return rows if count else None
    mask = np.array(is_kept)
    arrays = ("row_numbers", "times_s", "numbers", "terms", "answers", "queue_s", "batch_s", "total_s", "deadlines_ms")
    lists = ("request_ids", "callers", "caches", "identifiers", "trace_ids")
    columns: dict[str, Any] = {name: getattr(rows, name)[mask] for name in arrays}
    columns |= {name: list(compress(getattr(rows, name), is_kept)) for name in lists}
    return replace(rows, count=count, **columns)


def time_texts(times_s: Floats) -> list[str]:
    """Return Unix times in seconds as texts such as ``2026-11-28T06:15:29.123456Z``; the clock has a year of four digits."""
    microseconds = np.rint(times_s * 1e6).astype("datetime64[us]")
    texts: list[str] = np.datetime_as_string(microseconds, timezone="UTC").tolist()
    return texts


def unknown_text(feature: Feature) -> str:
    """Return the logged text of a category outside the contract: ``encode_value`` makes ``UNKNOWN_CATEGORY`` of it."""
    text = UNKNOWN
    known_texts = {*(feature.categories or ()), *feature.missing}
    while text in known_texts or feature.normalise(text) in known_texts:
        text += ">"
    return text


def feature_column(feature: Feature) -> Callable[[list[float]], _Column]:
    """Return the function from the numbers of a feature to its logged values. None is logged as ``null``, as is NaN."""
    if feature.type == "number":
        return _plain_numbers
    if feature.type == "integer":
        return _integers
    if feature.type == "timestamp":
        return _timestamps
    if feature.type == "text":
        return _texts
    values: dict[float, Any] = {0.0: False, 1.0: True}
    if feature.type == "category":
        values = {float(index): category for index, category in enumerate(feature.categories or ())}
        values[-1.0] = unknown_text(feature)
    lookup = values.get  # NaN has no entry: None
    return lambda numbers: map(lookup, numbers)


def _plain_numbers(numbers: list[float]) -> _Column:
    return numbers


def _integers(numbers: list[float]) -> _Column:
    try:
        integers = list(map(int, numbers))
    except ValueError:  # NaN
        return [None if number != number else _integer(number) for number in numbers]
    return map(_integer, numbers) if 0 in integers else integers


def _integer(number: float) -> int | float:
    """Return an integer; minus zero remains a float, because no integer has its bits."""
    return int(number) or (number if str(number) == "-0.0" else 0)


def _timestamps(numbers: list[float]) -> _Column:
    return map(_timestamp, numbers)


@lru_cache(maxsize=4096)
def _timestamp(seconds: float) -> str | float | None:
    if seconds != seconds:
        return None
    try:
        text = timestamp_text(seconds)
    except ValueError:
        return seconds
    back = timestamp_seconds(text)
    return text if back is not None and back.hex() == seconds.hex() else seconds


def _texts(numbers: list[float]) -> _Column:
    return [None if number != number else UNSET for number in numbers]


def _features_type(names: Sequence[str]) -> Callable[..., Any]:
    """Return the structure whose keys are the names of the features: its keys are encoded once."""
    fields = [(f"feature_{index}", Any) for index in range(len(names))]
    renamed = {f"feature_{index}": name for index, name in enumerate(names)}
    return msgspec.defstruct("LoggedFeatures", fields, rename=renamed, gc=False)


def _answer_columns(contract: Contract) -> Callable[[PredictedRows], tuple[_Column, _Column, _Column, _Column]]:
    """Return the function from rows to their answers, probabilities, intervals and sets."""
    output = contract.output
    if output.targets is not None:
        names = [target.name for target in output.targets]
        classes_of = [target.classes for target in output.targets]

        def targets(rows: PredictedRows) -> tuple[_Column, _Column, _Column, _Column]:
            answers = [
                [
                    number if classes is None else classes[int(number)]
                    for number, classes in zip(row, classes_of, strict=True)
                ]
                for row in rows.answers.tolist()
            ]
            absent = [UNSET] * rows.count
            return [dict(zip(names, row, strict=True)) for row in answers], absent, absent, absent

        return targets
    if output.classes is None:
        table = None if output.interval is None else IntervalTable(output.interval)
        by = contract.interval_column

        def numbers(rows: PredictedRows) -> tuple[_Column, _Column, _Column, _Column]:
            answers = rows.answers[:, 0].tolist()
            absent = [UNSET] * rows.count
            if table is None:
                return answers, absent, absent, absent
            ends = table.all_ends(answers, None if by is None else rows.numbers[:, by].tolist())
            return answers, absent, [LoggedInterval(lower, upper) for lower, upper in ends], absent

        return numbers
    classes = output.classes
    keys = [label_key(label) for label in classes]
    thresholds = None if output.prediction_set is None else output.prediction_set.thresholds
    has_probabilities = answer_width(contract) != 1

    def labels(rows: PredictedRows) -> tuple[_Column, _Column, _Column, _Column]:
        answers = rows.answers.tolist()
        answered_labels = [classes[int(row[0])] for row in answers]
        absent = [UNSET] * rows.count
        if not has_probabilities:
            return answered_labels, absent, absent, absent
        probabilities = [dict(zip(keys, row[1:], strict=True)) for row in answers]
        if thresholds is None:
            return answered_labels, probabilities, absent, absent
        sets = [list(compress(classes, set_members(thresholds, row))) for row in answers]
        return answered_labels, probabilities, absent, sets

    return labels


def _optional(values: list[str | None]) -> _Column:
    return [UNSET if value is None else value for value in values]


def _optional_numbers(values: Floats) -> _Column:
    return [UNSET if value != value else value for value in values.tolist()]


def _sparse(terms: Floats) -> _Column:
    """Return the indices and the values of the numbers that differ from 0 in each row; NaN and minus zero are kept."""
    rows, columns = np.nonzero((terms != 0) | np.signbit(terms))
    values = terms[rows, columns].tolist()
    indices = columns.tolist()
    ends = np.searchsorted(rows, np.arange(1, len(terms) + 1)).tolist()
    return [(indices[start:end], values[start:end]) for start, end in zip(chain((0,), ends), ends, strict=False)]
