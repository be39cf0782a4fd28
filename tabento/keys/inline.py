"""Keys in one text, for containers without a key file: the value of ``TABENTO_API_KEYS``.

The text has one entry for each key, separated by commas, blanks or line ends. An entry is
``ID:SCOPE+SCOPE=VALUE``. The scopes are optional; without them a key may ``predict``. The value is
``sha256:`` and the digest of the secret, or the secret itself, if an orchestrator keeps the whole text secret.
"""

from __future__ import annotations

import re

from tabento.keys.errors import KeysError
from tabento.keys.key_file import Records, check_unique
from tabento.keys.record import SCOPES, KeyRecord, Scope, is_key_id, utc_now
from tabento.keys.secret import digest_of, is_well_formed, public_prefix

DEFAULT_SCOPES: frozenset[Scope] = frozenset(("predict",))
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})").fullmatch
_SEPARATORS = re.compile(r"[,\s]+")


def inline_entry(record: KeyRecord) -> str:
    """Return the entry of a key, with its digest."""
    scopes = "+".join(scope for scope in SCOPES if scope in record.scopes)
    return f"{record.id}:{scopes}=sha256:{record.digest.hex()}"


def parse_inline_keys(text: str, name: str) -> Records:
    """Read the keys of a text.

    Args:
        text: the entries.
        name: the name of the setting, for messages. They contain ids, never values.

    Raises:
        KeysError: an entry is wrong, or an id or a secret appears twice.
    """
    entries = [entry for entry in _SEPARATORS.split(text) if entry]
    records = tuple(_parse_entry(entry, f"{name}, entry {index}") for index, entry in enumerate(entries, 1))
    check_unique(records, name)
    return records


def _parse_entry(entry: str, place: str) -> KeyRecord:
    head, has_value, value = entry.partition("=")
    key_id, has_scopes, scope_text = head.partition(":")
    if not has_value or not is_key_id(key_id):
        raise KeysError(
            f"{place}: expected ID=sha256:DIGEST or ID:SCOPE+SCOPE=sha256:DIGEST, with an id of small letters, digits,"
            " dots, dashes and underscores. `tabento keys create --owner NAME --inline` prints an entry."
        )
    scopes = scope_text.split("+") if has_scopes else list(DEFAULT_SCOPES)
    if not all(scope in SCOPES for scope in scopes):
        raise KeysError(
            f"{place} ({key_id}): expected scopes out of {', '.join(SCOPES)}, joined by +, as in predict+read."
        )
    digest_match = _DIGEST(value)
    if digest_match is None and not is_well_formed(value):
        raise KeysError(
            f"{place} ({key_id}): expected sha256: and 64 hexadecimal digits, or a secret of `tabento keys create` with all"
            " of its characters."
        )
    return KeyRecord(
        id=key_id,
        owner=key_id,
        scopes=frozenset(scope for scope in SCOPES if scope in scopes),
        digest=digest_of(value) if digest_match is None else bytes.fromhex(digest_match[1]),
        hint=public_prefix(value) if digest_match is None else "",
        created=utc_now(),
    )
