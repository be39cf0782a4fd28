"""The secret of an API key: a readable prefix, 256 random bits and a checksum.

A secret is ``tabento_`` and 49 characters of base62 (digits, capital letters, small letters). The first 43 characters are
256 random bits, the last 6 are the CRC-32 of everything before them. The prefix and the checksum let scanners of source
code and logs find a leaked secret with almost no false alarms: ``SECRET_PATTERN`` finds candidates, ``is_well_formed``
confirms them. The layout follows GitHub's tokens of 2021 ("Behind GitHub's new authentication token formats").
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "tabento_"
RANDOM_BITS = 256
RANDOM_CHARACTERS = 43
"""The smallest number of characters with 62 values each that holds 256 bits: 43 · log2(62) = 256.03."""
CHECKSUM_CHARACTERS = 6
"""The smallest number of characters that holds a CRC-32: 6 · log2(62) = 35.7."""
SECRET_LENGTH = len(PREFIX) + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS
SECRET_PATTERN = r"\btabento_[0-9A-Za-z]{49}\b"  # noqa: S105 - a pattern, no secret
"""The regular expression for secret scanners, in the syntax that Python, PCRE, RE2 and Rust share."""
SHOWN_CHARACTERS = 4
"""The number of random characters in a public prefix: 24 of 256 bits, enough to tell the keys of one service apart."""
DIGEST_BYTES = 32

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE = len(_ALPHABET)
_is_shaped = re.compile(r"tabento_[0-9A-Za-z]{49}").fullmatch


def new_secret() -> str:
    """Return a secret with 256 bits of the operating system's random source."""
    text = PREFIX + base62(secrets.randbits(RANDOM_BITS), RANDOM_CHARACTERS)
    return text + checksum(text)


def checksum(text: str) -> str:
    """Return the six characters that follow the prefix and the random characters."""
    return base62(zlib.crc32(text.encode("ascii")), CHECKSUM_CHARACTERS)


def is_well_formed(text: str) -> bool:
    """Return whether a text has the form of a secret, with the right checksum. It may belong to no key."""
    return _is_shaped(text) is not None and checksum(text[:-CHECKSUM_CHARACTERS]) == text[-CHECKSUM_CHARACTERS:]


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 digest of a secret, of 32 bytes. Only digests are stored.

    A slow hash for passwords is not needed: nobody can search 2^256 secrets.
    """
    return hashlib.sha256(secret.encode("ascii")).digest()


def public_prefix(secret: str) -> str:
    """Return the beginning of a well-formed secret that may be shown in logs and lists."""
    return secret[: len(PREFIX) + SHOWN_CHARACTERS] + "…"


def base62(number: int, length: int) -> str:
    """Return a non-negative number in base62, filled with zeros to a length.

    Raises:
        ValueError: the number needs more characters.
    """
    characters = []
    for _ in range(length):
        number, digit = divmod(number, _BASE)
        characters.append(_ALPHABET[digit])
    if number:
        raise ValueError(f"expected a number below 62^{length}, got one that is {number} times larger")
    return "".join(reversed(characters))
