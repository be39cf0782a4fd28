"""A private key is written once, for its owner only, and read again; other files are refused by name."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tabento.bundle.errors import SigningKeyError
from tabento.bundle.signing_key import key_id, new_signing_key, parse_public_key, read_signing_key


def test_a_key_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The file has the same key, is readable by its owner only, and is not overwritten."""
    path, key = tmp_path / "key.pem", new_signing_key()
    key.write(path)
    stored = read_signing_key(path)
    assert (stored.id, stored.public_key) == (key.id, key.public_key)
    assert stored.sign(b"bytes") == key.sign(b"bytes")
    assert oct(path.stat().st_mode)[-3:] == "600"
    with pytest.raises(SigningKeyError, match="exists already"):
        new_signing_key().write(path)
    assert read_signing_key(path).id == key.id


def test_the_id_is_a_digest_of_the_public_key() -> None:
    """The first test key of RFC 8032, section 7.1, has the public key of the RFC, and an id of 16 digits."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key_id(public) == "21fe31dfa154a261"
    assert parse_public_key(base64.b64encode(public).decode()) == public


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "ä" * 44, base64.b64encode(b"x" * 33).decode()])
def test_other_text_is_not_a_public_key(text: str) -> None:
    """Text that is not 32 bytes in base64 is refused with the expected form."""
    with pytest.raises(SigningKeyError, match="expected a public key: 32 bytes in base64"):
        parse_public_key(text)


def test_files_that_are_not_a_private_key_are_refused(tmp_path: Path) -> None:
    """A missing file, other text, another algorithm and a passphrase are named, each with its remedy."""
    path = tmp_path / "key.pem"
    with pytest.raises(SigningKeyError, match=r"cannot be read: No such file .* `tabento sign keygen`"):
        read_signing_key(path)
    path.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n", encoding="utf-8")
    with pytest.raises(SigningKeyError, match="is not a private key in PEM") as error:
        read_signing_key(path)
    assert "secret" not in str(error.value)
    path.write_bytes(Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SigningKeyError, match="another algorithm"):
        read_signing_key(path)
    locked = BestAvailableEncryption(b"word")
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with pytest.raises(SigningKeyError, match="has a passphrase"):
        read_signing_key(path)
    with pytest.raises(SigningKeyError, match="cannot be written"):
        new_signing_key().write(tmp_path / "missing" / "key.pem")
