"""Secrets: their form, their checksum, and the parts that may be shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.keys.secret import (
    PREFIX,
    RANDOM_CHARACTERS,
    SECRET_LENGTH,
    SECRET_PATTERN,
    base62,
    checksum,
    digest_of,
    is_well_formed,
    new_secret,
    public_prefix,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _secret(number: int) -> str:
    text = PREFIX + base62(number, RANDOM_CHARACTERS)
    return text + checksum(text)


def test_a_new_secret_is_well_formed() -> None:
    """A new secret has its prefix, its length, a valid checksum, and differs from other new secrets."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert len(secret) == SECRET_LENGTH == 57
        assert is_well_formed(secret)


def test_a_known_secret_keeps_its_form() -> None:
    """The format is fixed: stored scanners and printed secrets depend on it."""
    assert _secret(0) == "tabento_000000000000000000000000000000000000000000043rZvd"
    assert _secret(2**256 - 1) == "tabento_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12AO82z"


@given(st.integers(0, 2**256 - 1))
def test_base62_is_read_back(number: int) -> None:
    """The 43 characters hold each number of 256 bits without loss."""
    text = base62(number, RANDOM_CHARACTERS)
    value = 0
    for character in text:
        value = value * 62 + ALPHABET.index(character)
    assert (value, len(text)) == (number, RANDOM_CHARACTERS)


def test_a_number_that_does_not_fit_is_refused() -> None:
    """A number with too many digits is an error, not a shortened text."""
    with pytest.raises(ValueError, match=r"below 62\^2"):
        base62(62**2, 2)


@given(st.integers(0, 2**256 - 1), st.integers(len(PREFIX), SECRET_LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_breaks_the_checksum(number: int, index: int, character: str) -> None:
    """A secret with one changed character is not well formed."""
    secret = _secret(number)
    changed = secret[:index] + character + secret[index + 1 :]
    assert is_well_formed(changed) == (changed == secret)


@given(st.text())
def test_any_other_text_is_not_well_formed(text: str) -> None:
    """No text without the form of a secret is accepted, and none raises an error."""
    assert not is_well_formed(text)
    assert not is_well_formed(new_secret() + text + "x")


def test_a_scanner_finds_secrets_in_code_and_logs() -> None:
    """The documented expression finds a secret between usual separators, and nothing in a longer word."""
    secret = new_secret()
    for text in (f"key={secret}", f'"{secret}"', f"Authorization: Bearer {secret}\n", f"https://x/?k={secret}&a=1"):
        assert re.findall(SECRET_PATTERN, text) == [secret]
    assert not re.findall(SECRET_PATTERN, secret + "x")


def test_the_public_prefix_hides_the_secret() -> None:
    """The shown beginning has 24 of 256 random bits, and the digest does not contain the secret."""
    secret = new_secret()
    assert public_prefix(secret) == secret[:12] + "…"
    assert len(digest_of(secret)) == 32
    assert secret.encode() not in digest_of(secret)
