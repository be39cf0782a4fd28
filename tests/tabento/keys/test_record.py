"""Records: their JSON, and the messages about wrong values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.keys.errors import KeysError
from tabento.keys.record import SCOPES, FormerSecret, KeyRecord, record_from_json, record_to_json, time_text
from tabento.keys.secret import new_secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
DIGESTS = st.binary(min_size=32, max_size=32)
RATES = st.none() | st.integers(1, 10**9)
RECORDS = st.builds(
    KeyRecord,
    id=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    owner=st.text("abc Äö-'", min_size=1, max_size=20),
    scopes=st.frozensets(st.sampled_from(SCOPES), min_size=1),
    digest=DIGESTS,
    hint=st.sampled_from(("", "tabento_1234…")),
    created=TIMES,
    expires=st.none() | TIMES,
    requests_per_minute=RATES,
    rows_per_minute=RATES,
    revoked=st.none() | TIMES,
    former=st.lists(st.builds(FormerSecret, DIGESTS, TIMES), max_size=2).map(tuple),
)


def content(**changes: Any) -> dict[str, Any]:
    """Return the object of a valid record, with changes; a change to None removes the key."""
    values = {
        "id": "shop-1",
        "owner": "shop",
        "scopes": ["predict"],
        "sha256": "ab" * 32,
        "created": "2026-03-01T12:00:00Z",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


@given(RECORDS)
def test_a_record_is_read_back(record: KeyRecord) -> None:
    """Writing and reading a record loses nothing."""
    assert record_from_json(record_to_json(record), "x") == record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "Shop 1"}, "id: expected up to 64 small letters.*got 'Shop 1'"),
        ({"id": None}, "id: expected .*got nothing"),
        ({"owner": ""}, "owner: expected printable text"),
        ({"owner": "a\nb"}, "owner: expected printable text"),
        ({"scopes": []}, "scopes: expected a list with one or more of predict, read, feedback, admin"),
        ({"scopes": ["write"]}, r"got \['write'\]"),
        ({"scopes": [["predict"]]}, "scopes: expected"),
        ({"created": "2026-03-01T12:00:00"}, "created: expected a time with its zone"),
        ({"created": "yesterday"}, "created: expected a time"),
        ({"expires": 5}, "expires: expected a time"),
        ({"requests_per_minute": 0}, "requests_per_minute: expected a whole number from 1"),
        ({"rows_per_minute": True}, "rows_per_minute: expected a whole number"),
        ({"rows_per_minute": 1.5}, "rows_per_minute: expected a whole number"),
        ({"former": {}}, "former: expected a list"),
        ({"former": [{"sha256": "ab" * 32}]}, "former secret 1, expires"),
        ({"secret": "x"}, "unknown secret. Known are created"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, Any], message: str) -> None:
    """The message has the place, the key, the expected value and the value that was found."""
    with pytest.raises(KeysError, match=f"^keys.json, key 3.*{message}"):
        record_from_json(content(**changes), "keys.json, key 3")


def test_an_object_is_expected() -> None:
    """A record that is not an object is refused."""
    with pytest.raises(KeysError, match="key 1: expected an object with keys and values, got list"):
        record_from_json([], "key 1")


def test_a_secret_in_place_of_a_digest_is_not_repeated() -> None:
    """A secret that was written into the file by mistake does not appear in the message."""
    secret = new_secret()
    with pytest.raises(KeysError, match="expected 64 hexadecimal digits") as error:
        record_from_json(content(sha256=secret), "key 1")
    assert secret not in str(error.value)


def test_the_state_follows_the_time() -> None:
    """A key is valid until its end; a revoked key is revoked also after its end."""
    record = record_from_json(content(expires=time_text(NOW)), "x")
    assert record.state(NOW - timedelta(seconds=1)) == "valid"
    assert record.state(NOW) == "expired"
    assert record_from_json(content(expires=time_text(NOW), revoked=time_text(NOW)), "x").state(NOW) == "revoked"
    assert record_from_json(content(), "x").state(NOW) == "valid"
