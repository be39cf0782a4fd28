"""Keys for tests of the guards."""

from __future__ import annotations

from typing import Any

from serving.guards.build_keys import caller_of_record
from serving.guards.keyring import Keyring
from tabento.keys.changes import create_key
from tabento.keys.record import KeyRecord, utc_now
from tabento.keys.secret import new_secret


def new_key(owner: str = "shop", **options: Any) -> tuple[str, KeyRecord]:
    """Return a new secret and its record, with the scope ``predict`` unless the options have another."""
    secret = new_secret()
    record = create_key((), secret, **{"owner": owner, "scopes": ["predict"], "now": utc_now(), **options})
    return secret, record


def keyring_of(*records: KeyRecord) -> Keyring:
    """Return a keyring with some records, without limits."""
    keyring = Keyring(lambda record: caller_of_record(record, None))
    keyring.replace(records)
    return keyring
