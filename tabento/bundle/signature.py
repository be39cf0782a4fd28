"""Signatures of bundles: Ed25519 over the bytes of ``MANIFEST.json``, whose checksums cover all other files.

The manifest names the id of the key; ``MANIFEST.sig`` holds the signature, 64 bytes in base64. A signed bundle has the format 3, so
an older service refuses it. ``docs/signatures.md`` has the statements that a signature makes and does not make.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tabento.bundle.errors import BundleIntegrityError, BundleSignatureError
from tabento.bundle.format import MANIFEST_FILE, SIGNATURE_FILE, SIGNED_FORMAT
from tabento.bundle.manifest import Manifest, manifest_bytes, parse_manifest, read_manifest, verify_files
from tabento.bundle.signing_key import SIGNATURE_BYTES, SigningKey, require_cryptography
from tabento.bundle.trusted_keys import TrustedKey, TrustedKeys

_MAX_SIGNATURE_BYTES = 200
"""The largest signature file that is read: 88 characters of base64 and white space around them."""


@dataclass(frozen=True)
class SignaturePolicy:
    """The signatures that a service demands of the bundles that it loads."""

    required: bool
    """Whether a bundle needs a signature of a trusted key. If not, only a wrong signature of a trusted key is refused."""
    trusted: TrustedKeys

    def check(self, folder: Path, tag: str) -> TrustedKey | None:
        """Check the signature of a bundle. Only the manifest is read.

        Args:
            folder: the folder of the bundle.
            tag: the bundle's tag, for messages.

        Returns:
            The key that signed the bundle; None if no trusted key did, and none is required.

        Raises:
            BundleSignatureError: the signature is required and missing, or not of a trusted key; or it is wrong.
            BundleFormatError, BundleIntegrityError: the manifest cannot be read, or the file of the signature is missing.
        """
        if not self.required:
            signed_by = read_manifest(folder).signed_by
            key = None if signed_by is None else self.trusted.find(signed_by)
            if key is None:
                return None
        return verify_signature(folder, self.trusted, tag)


def sign_bundle(folder: Path, key: SigningKey) -> Manifest:
    """Sign a bundle: name the key in the manifest and write the signature of the manifest. A former signature is replaced.

    All other files stay as they are. The bytes of the manifest change, so a version that was registered before differs from
    its bundle afterwards: sign a bundle before it is registered.

    Raises:
        BundleFormatError, BundleIntegrityError: the folder is not a bundle that verifies; nothing is written.
        OSError: a file cannot be written.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest, signed=True)  # a signature that was written halfway is replaced
    signed = manifest.model_copy(update={"format_version": SIGNED_FORMAT, "signed_by": key.id})
    content = signed.to_bytes()
    signature = base64.b64encode(key.sign(content)) + b"\n"
    # A reader between the two replacements refuses the bundle, because the signature does not belong to the manifest.
    for name, data in ((MANIFEST_FILE, content), (SIGNATURE_FILE, signature)):
        _replace(folder / name, data)
    return signed


def verify_signature(folder: Path, trusted: TrustedKeys, tag: str | None = None) -> TrustedKey:
    """Check that a bundle has a signature of a trusted key. The files are compared with the manifest by ``verify_manifest``.

    Args:
        folder: the folder of the bundle.
        trusted: the trusted keys.
        tag: the bundle's tag, for messages; by default the folder.

    Returns:
        The key.

    Raises:
        BundleSignatureError: the bundle is not signed, its key is unknown or revoked, or the signature is wrong.
        BundleFormatError, BundleIntegrityError: the manifest cannot be read, or the file of the signature is missing.
        SigningKeyError: the library ``cryptography`` is not installed.
    """
    require_cryptography()
    name = tag or str(folder)
    content = manifest_bytes(folder)
    signed_by = parse_manifest(content, str(folder / MANIFEST_FILE)).signed_by
    owners = ", ".join(f"{key.id} ({key.owner})" for key in trusted.keys if key.revoked is None) or "none"
    if signed_by is None:
        raise BundleSignatureError(
            f"{name} is not signed, but a signature of a trusted key is required. Sign it: `tabento sign bundle {name}`."
            f" The trusted keys are: {owners}."
        )
    key = trusted.find(signed_by)
    if key is None:
        raise BundleSignatureError(
            f"{name} is signed with the key {signed_by}, which is not trusted. The trusted keys are: {owners}. Sign it with one"
            " of them, or add the key with `tabento sign trust` if you know its owner."
        )
    if key.revoked is not None:
        raise BundleSignatureError(
            f"{name} is signed with the key {key.id} of {key.owner}, which was revoked on {key.revoked}. Train the model again, or"
            " compare its files with a copy that you trust, and sign it with another key."
        )
    if not _is_signature(_read_signature(folder), content, key.public_bytes):
        raise BundleSignatureError(
            f"{name}: {SIGNATURE_FILE} is not the signature of this {MANIFEST_FILE} by the key {key.id} of {key.owner}. One of"
            " the two files was changed after the bundle was signed: restore the bundle from its source."
        )
    return key


def _read_signature(folder: Path) -> bytes:
    """Return the bytes of the signature file; of a file that is too large, the beginning, which is no signature."""
    path = folder / SIGNATURE_FILE
    if path.is_symlink() or not path.is_file():
        raise BundleIntegrityError(
            f"{path} is missing, but the manifest names a key. Restore the file, or sign the bundle again."
        )
    with path.open("rb") as file:
        return file.read(_MAX_SIGNATURE_BYTES)


def _is_signature(text: bytes, content: bytes, public_key: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = base64.b64decode(text.strip(), validate=True)
        if len(signature) != SIGNATURE_BYTES:
            return False
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _replace(path: Path, data: bytes) -> None:
    """Replace a file of a bundle in one step. The new file is written beside the bundle, which lists all of its files."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.parent.name}.{path.name}.", dir=path.parent.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
