"""The keys of signatures: Ed25519 (RFC 8032), private keys as PEM files in PKCS #8 (RFC 5958), ids from the public key.

``cryptography`` is imported only if a bundle is signed or a signature is checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tabento.bundle.errors import SigningKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
ID_DIGITS = 16
"""The number of hexadecimal digits of an id: 64 bits, enough to tell the keys of a company apart. Trust is in the whole key."""
MAX_KEY_FILE_BYTES = 16_384


def require_cryptography() -> None:
    """Check that the library of the algorithm is installed.

    Raises:
        SigningKeyError: it cannot be imported.
    """
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError as error:
        raise SigningKeyError(
            f"signatures need the library cryptography, which cannot be imported ({error}). Install it: `uv sync --group rollout`"
            " in the project, or `pip install 'tabento[sign]'`."
        ) from error


def key_id(public_key: bytes) -> str:
    """Return the id of a public key: the first 16 hexadecimal digits of its SHA-256 digest."""
    return hashlib.sha256(public_key).hexdigest()[:ID_DIGITS]


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of a public key in base64.

    Raises:
        SigningKeyError: it is not one.
    """
    try:
        public_key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        public_key = b""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise SigningKeyError(
            f"expected a public key: {PUBLIC_KEY_BYTES} bytes in base64, got {text[:80]!r}. `tabento sign keygen` prints it."
        )
    return public_key


@dataclass(frozen=True)
class SigningKey:
    """A private key with its public key."""

    private_key: Ed25519PrivateKey
    public_key: bytes
    """32 bytes."""

    @property
    def id(self) -> str:
        """The id of the public key."""
        return key_id(self.public_key)

    @property
    def public_text(self) -> str:
        """The public key in base64."""
        return base64.b64encode(self.public_key).decode()

    def sign(self, content: bytes) -> bytes:
        """Return the signature of some bytes, 64 bytes; the same content has the same signature."""
        return self.private_key.sign(content)

    def write(self, path: Path) -> None:
        """Write the private key into a new file that only its owner can read (mode 0600).

        Raises:
            SigningKeyError: the file exists already, or cannot be written.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem = self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
        except FileExistsError:
            raise SigningKeyError(
                f"{path} exists already. Name another file with --key; a key that signed bundles is never overwritten."
            ) from None
        except OSError as error:
            raise SigningKeyError(
                f"the private key {path} cannot be written: {error.strerror}. Check the folder."
            ) from error


def new_signing_key() -> SigningKey:
    """Return a new key from the operating system's random source.

    Raises:
        SigningKeyError: the library ``cryptography`` is not installed.
    """
    require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _with_public_key(Ed25519PrivateKey.generate())


def read_signing_key(path: Path) -> SigningKey:
    """Read a private key.

    Args:
        path: a PEM file in PKCS #8 without a passphrase, as ``tabento sign keygen`` and ``openssl genpkey -algorithm ed25519``
            write it.

    Raises:
        SigningKeyError: the file cannot be read, or is not a private key of Ed25519.
    """
    require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise SigningKeyError(
            f"the private key {path} cannot be read: {error.strerror}. Create a key with `tabento sign keygen`, or correct the path."
        ) from error
    try:
        private_key = load_pem_private_key(content, password=None)
    except TypeError:
        raise SigningKeyError(
            f"the private key {path} has a passphrase. Write it without one: `openssl pkey -in {path} -out FILE`."
        ) from None
    except (ValueError, UnsupportedAlgorithm):  # the message of the library could show parts of the key
        raise SigningKeyError(
            f"{path} is not a private key in PEM. Create a key with `tabento sign keygen`, or correct the path."
        ) from None
    if not isinstance(private_key, Ed25519PrivateKey):
        raise SigningKeyError(
            f"{path} is a private key of another algorithm; bundles are signed with Ed25519. Create one with `tabento sign keygen`."
        )
    return _with_public_key(private_key)


def _with_public_key(private_key: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(private_key, private_key.public_key().public_bytes_raw())
