"""Lines of the prediction log."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
from pydantic import SecretStr

from monitoring.log.row_lines import RowEncoder, encode_failures, sample
from monitoring.privacy import Privacy
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import encode_value
from tabento.bundle.timestamp import LAST_TIMESTAMP, timestamp_seconds
from tests.bundles import classifier_contract, orchard_contract, tagged_contract, with_output
from tests.monitoring.log.logged_rows import (
    TYPED_FEATURES,
    failure,
    monitored,
    predicted_rows,
    records,
    row_encoder,
    typed_contract,
)

KEYS = [
    *("time", "request_id", "row", "model", "version", "variant", "features", "prediction"),
    *("queue_ms", "batch_ms", "total_ms"),
]
"""The keys of every row."""


def bits(numbers: object) -> bytes:
    """Return the bits of numbers; all NaN have the same."""
    array = np.array(numbers, np.float64)
    return np.where(np.isnan(array), np.nan, array).tobytes()


def test_a_row_has_the_documented_keys_in_order() -> None:
    """Keys without a value are absent; times have six digits and are in UTC."""
    model = monitored(typed_contract())
    (record,) = records(row_encoder(model).encode(predicted_rows(model, times_s=np.array([1_790_000_000.5]))))
    assert [key for key in record if key != "terms"] == KEYS
    assert record["time"] == "2026-09-21T14:13:20.500000Z"
    assert record["total_ms"] == 1.0


def test_optional_keys_are_written() -> None:
    """Key, cache, deadline, trace and share are written if the request has them."""
    model = monitored()
    rows = predicted_rows(model, callers=["shop"], caches=["hit"], deadlines_ms=np.array([50.0]), trace_ids=["ab" * 16])
    (record,) = records(row_encoder(model, share=0.5).encode(rows))
    assert (record["key"], record["cache"], record["deadline_ms"], record["share"]) == ("shop", "hit", 50.0, 0.5)
    assert record["trace_id"] == "ab" * 16


def test_every_packed_value_is_read_back_bit_for_bit() -> None:
    """``encode_value`` makes the same float64 of each logged value, of every type."""
    contract = typed_contract()
    model = monitored(contract)
    generator = np.random.default_rng(3)
    moments = ["0001-01-01", "2026-11-27T16:08:17.123456789Z", "1969-12-31T23:59:59.5Z", "9999-12-31T23:59:59Z"]
    seconds = [timestamp_seconds(moment) for moment in moments] + [math.nan, LAST_TIMESTAMP, 0.1 + 0.2]
    count = 200
    numbers = np.column_stack(
        [
            generator.choice([0.1 + 0.2, 5e-324, 1.7e308, -0.0, 1e22, math.nan, math.pi], count),
            generator.choice([0.0, -0.0, 2.0**53, -7.0, math.nan], count),
            generator.choice([0.0, 1.0, math.nan], count),
            generator.choice([0.0, 1.0, 2.0, -1.0, math.nan], count),
            generator.choice(np.array(seconds, np.float64), count),
            generator.choice([0.0, math.nan], count),
        ]
    )
    logged = records(row_encoder(model).encode(predicted_rows(model, numbers)))
    back = [
        [encode_value(feature, record["features"].get(feature.name, "")) for feature in contract.features]
        for record in logged
    ]
    assert bits(back) == bits(numbers)
    first = records(row_encoder(model).encode(predicted_rows(model, [[1.5, 3, 1, -1, 0.0, 0]])))[0]
    assert first["features"] == {
        "depth": 1.5,
        "count": 3,
        "is new": True,
        "sort": "<unknown>>",
        "seen": "1970-01-01T00:00:00Z",
    }
    assert type(first["features"]["count"]) is int


def test_terms_are_sparse() -> None:
    """Only numbers that differ from 0 are logged, each with its index."""
    model = monitored(typed_contract(), n_terms=4)
    terms = [[0, 0.5, 0, math.nan], [0, 0, 0, 0], [-0.0, 0, 2, 0]]
    logged = records(row_encoder(model).encode(predicted_rows(model, np.zeros((3, 6)), terms=terms)))
    assert [record["terms"] for record in logged] == [[[1, 3], [0.5, None]], [[], []], [[0, 2], [-0.0, 2.0]]]


def test_private_fields_are_dropped_or_hashed() -> None:
    """A dropped value is in no key, a hashed one is its hash, and missing values remain null. Terms of a private text are absent."""
    features = [{**feature, "pii": "drop"} if feature["name"] == "depth" else feature for feature in TYPED_FEATURES]
    names = ({"name": "email", "pii": "drop"}, {"name": "owner"}, {"name": "tag"})
    model = monitored(typed_contract(features=features, identifiers=names), n_terms=1)
    identifiers = [b'{"email":"ann@example.org","owner":"ann","tag":"T1"}', b'{"email":null,"owner":null,"tag":"T2"}']
    rows = predicted_rows(
        model,
        [[77.25, 5, 1, 0, 0, 0], [77.25, math.nan, 1, 0, 0, 0]],
        terms=[[3.0], [3.0]],
        identifiers=identifiers,
    )
    settings = MonitoringSettings(private_fields=("Count", "note", "owner"), private_hash_key=SecretStr("k" * 32))
    privacy = Privacy(model.contract, settings)
    lines = RowEncoder(model, privacy).encode(rows)
    first, second = records(lines)
    assert first["features"]["count"] == privacy.hash_value("count", 5)
    assert second["features"]["count"] is None
    assert first["identifiers"] == {"owner": privacy.hash_value("owner", "ann"), "tag": "T1"}
    assert second["identifiers"] == {"tag": "T2"}
    assert first["private"] == {"depth": "drop", "count": "hash", "note": "hash", "email": "drop", "owner": "hash"}
    assert "terms" not in first
    assert b"77.25" not in lines
    assert b"ann@" not in lines


def test_identifiers_are_logged_as_they_are() -> None:
    """The identifiers of a row are an object in its record."""
    model = monitored(tagged_contract())
    rows = predicted_rows(model, identifiers=['{"tag":"é\\"é"}'.encode()])
    assert records(row_encoder(model).encode(rows))[0]["identifiers"] == {"tag": 'é"é'}


def test_labels_probabilities_and_sets() -> None:
    """A classification logs its label, the probability of each class, and the prediction set."""
    contract = with_output(
        classifier_contract(),
        classes=["no", 3, 'very "good"'],
        probabilities=True,
        ranking=False,
        prediction_set={"coverage": 0.9, "thresholds": [0.3, 0.3, 0.3]},
    )
    model = monitored(contract)
    rows = predicted_rows(model, np.zeros((2, len(contract.features))), [[2, 0.25, 0.25, 0.5], [1, 0.4, 0.5, 0.1]])
    first, second = records(row_encoder(model).encode(rows))
    assert first["prediction"] == 'very "good"'
    assert first["probabilities"] == {"no": 0.25, "3": 0.25, 'very "good"': 0.5}
    assert first["set"] == ['very "good"']
    assert (second["prediction"], second["set"]) == (3, ["no", 3])


def test_several_targets_and_intervals() -> None:
    """Several targets are an object; a regression with intervals logs both ends."""
    targets = [{"name": "cost"}, {"name": "hours"}]
    model = monitored(with_output(orchard_contract(), targets=targets, unit=None))
    (record,) = records(row_encoder(model).encode(predicted_rows(model, answers=[[4.25, 3.5]])))
    assert record["prediction"] == {"cost": 4.25, "hours": 3.5}
    interval = {"coverage": 0.9, "groups": [{"lower": [-1.0], "upper": [2.0]}]}
    model = monitored(with_output(orchard_contract(), interval=interval))
    (record,) = records(row_encoder(model).encode(predicted_rows(model, answers=[[4.25]])))
    assert record["interval"] == {"lower": 3.25, "upper": 6.25}


def test_errors_have_no_value_of_the_request() -> None:
    """A refused request is one record with its status, code and the names of the wrong fields."""
    lines = encode_failures([failure(monitored(), ["age"]), failure(monitored(), [])])
    first, second = (json.loads(line) for line in lines.splitlines())
    assert first["fields"] == ["age"]
    assert "fields" not in second
    assert "row" not in first
    assert (first["status"], first["code"], first["key"], first["total_ms"]) == (422, "invalid", "shop", 1.2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_sampling_depends_on_the_request_id_only(share: float) -> None:
    """All rows of a request are kept or omitted, in every process and for every variant."""
    model = monitored()
    ids = [f"q{index // 2}" for index in range(4000)]
    rows = predicted_rows(model, count=4000, request_ids=ids)
    kept_rows = sample(rows, share)
    expected = [request_id for request_id in ids if zlib.crc32(request_id.encode()) < share * 2**32]
    assert (kept_rows.request_ids if kept_rows else []) == expected
    assert abs(len(expected) / 4000 - share) < 0.05
    if kept_rows:
        assert len(kept_rows.numbers) == len(kept_rows.times_s) == kept_rows.count == len(expected)
