"""Keys in one text, for containers."""

from __future__ import annotations

import pytest
from hypothesis import given

from tabento.keys.errors import KeysError
from tabento.keys.inline import inline_entry, parse_inline_keys
from tabento.keys.record import KeyRecord
from tabento.keys.secret import digest_of, new_secret, public_prefix
from tests.tabento.keys.test_record import RECORDS

DIGEST = "ab" * 32


def test_entries_have_ids_scopes_and_values() -> None:
    """Digests and secrets, with and without scopes, separated by commas, blanks and line ends."""
    secret = new_secret()
    records = parse_inline_keys(f"shop:predict+read=sha256:{DIGEST}, ops-2:admin={secret}\n a=sha256:{'0' * 64} ", "k")
    assert [(record.id, set(record.scopes)) for record in records] == [
        ("shop", {"predict", "read"}),
        ("ops-2", {"admin"}),
        ("a", {"predict"}),
    ]
    assert [record.digest for record in records] == [bytes.fromhex(DIGEST), digest_of(secret), bytes(32)]
    assert [record.hint for record in records] == ["", public_prefix(secret), ""]
    assert parse_inline_keys(" ,\n", "k") == ()


@given(RECORDS)
def test_a_printed_entry_is_read_back(record: KeyRecord) -> None:
    """The entry that the command prints has id, scopes and digest."""
    (read_record,) = parse_inline_keys(inline_entry(record), "k")
    assert (read_record.id, read_record.scopes, read_record.digest) == (record.id, record.scopes, record.digest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shop", "k, entry 1: expected ID=sha256:DIGEST"),
        (DIGEST, "entry 1: expected ID="),
        ("Shop=sha256:" + DIGEST, "with an id of small letters"),
        ("shop:=sha256:" + DIGEST, r"\(shop\): expected scopes out of predict, read, feedback, admin"),
        ("shop:write=sha256:" + DIGEST, r"expected scopes"),
        ("a=sha256:" + "0" * 64 + ",shop=sha256:12", r"entry 2 \(shop\): expected sha256: and 64"),
        (f"a=sha256:{DIGEST},a=sha256:{'1' * 64}", "the id 'a' appears twice"),
        (f"a=sha256:{DIGEST},b=sha256:{DIGEST}", "has the secret of another key"),
    ],
)
def test_a_wrong_entry_is_named(text: str, message: str) -> None:
    """The message has the number of the entry and the remedy."""
    with pytest.raises(KeysError, match=message):
        parse_inline_keys(text, "k")


@pytest.mark.parametrize("form", ["{}", "shop={}x", "shop:{}=1", "{}=shop", "shop:predict={}="])
def test_a_mistyped_secret_is_not_repeated(form: str) -> None:
    """No message about a wrong entry contains its secret."""
    secret = new_secret()
    with pytest.raises(KeysError) as error:
        parse_inline_keys(form.format(secret), "k")
    assert secret[8:] not in str(error.value)
