"""The file of trusted keys: the public keys whose signatures a service accepts, as JSON, replaced atomically.

It holds no secret, but whoever can write it decides which bundles are served.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from tabento.bundle.errors import SigningKeyError
from tabento.bundle.manifest import KeyId
from tabento.bundle.signing_key import key_id, parse_public_key
from tabento.bundle.strict import Strict

MAX_FILE_BYTES = 1 << 20
KEYS_LIMIT = 1_000
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
"""A time in UTC, such as ``2026-11-28T09:15:00Z``."""


class TrustedKey(Strict):
    """A public key whose signatures are accepted."""

    id: KeyId
    """The first 16 hexadecimal digits of the SHA-256 digest of the public key."""
    owner: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The person or the program that has the private key."""
    public_key: str
    """32 bytes in base64."""
    added: Time
    """The time at which the key became trusted."""
    revoked: Time | None = None
    """The time from which the key's signatures are refused, also the older ones; None if they are accepted."""

    @field_validator("owner")
    @classmethod
    def _is_printable(cls, owner: str) -> str:
        if not owner.isprintable():
            raise ValueError("expected printable text")
        return owner

    @model_validator(mode="after")
    def _has_its_own_id(self) -> Self:
        try:
            expected = key_id(self.public_bytes)
        except SigningKeyError as error:
            raise ValueError(str(error)) from None
        if self.id != expected:
            raise ValueError(f"the id of this public key is {expected}, got {self.id}")
        return self

    @property
    def public_bytes(self) -> bytes:
        """The 32 bytes of the public key."""
        return parse_public_key(self.public_key)


class TrustedKeys(Strict):
    """The content of the file."""

    format: Literal[1] = 1
    keys: Annotated[tuple[TrustedKey, ...], Field(max_length=KEYS_LIMIT)] = ()

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        ids = [key.id for key in self.keys]
        if len(set(ids)) < len(ids):
            raise ValueError(f"the key {max(ids, key=ids.count)} is listed twice")
        return self

    def find(self, requested_id: str) -> TrustedKey | None:
        """Return the key of an id; None if it is not listed."""
        return next((key for key in self.keys if key.id == requested_id), None)


def read_trusted_keys(path: Path) -> TrustedKeys:
    """Read a file of trusted keys.

    Raises:
        SigningKeyError: it cannot be read, or is malformed; all faults are named.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise SigningKeyError(
            f"the file of trusted keys {path} does not exist. Create it: `tabento sign trust --owner NAME --trusted {path} KEY`."
        ) from None
    except OSError as error:
        raise SigningKeyError(
            f"the file of trusted keys {path} cannot be read: {error.strerror}. Check its path and its mode."
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise SigningKeyError(f"the file of trusted keys {path} has more than {MAX_FILE_BYTES} bytes. Remove keys.")
    try:
        return TrustedKeys.model_validate_json(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise SigningKeyError(f"{path} is not a file of trusted keys: {faults}. Correct it, or restore it.") from None


def trust_key(path: Path, public_key: bytes, owner: str, now: str) -> TrustedKey:
    """Add a public key to a file of trusted keys; a missing file is created.

    Args:
        path: the file.
        public_key: 32 bytes.
        owner: the person or the program that has the private key.
        now: the time in UTC, ISO 8601.

    Raises:
        SigningKeyError: the key is listed already, the owner is not valid, or the file cannot be read or written.
    """
    text = base64.b64encode(public_key).decode()
    try:
        added = TrustedKey(id=key_id(public_key), owner=owner, public_key=text, added=now)
    except ValidationError as error:
        raise SigningKeyError(
            f"owner: expected printable text of 1 to 200 characters, got {owner[:80]!r}: {error.errors()[0]['msg']}."
        ) from None

    def add(present: TrustedKeys) -> TrustedKeys:
        if (known_key := present.find(added.id)) is not None:
            state = "trusted already" if known_key.revoked is None else f"revoked since {known_key.revoked}"
            raise SigningKeyError(
                f"the key {added.id} of {known_key.owner} is {state} in {path}. Edit the file to change that."
            )
        return TrustedKeys(keys=(*present.keys, added))

    _change(path, add, creates=True)
    return added


def revoke_key(path: Path, requested_id: str, now: str) -> TrustedKey:
    """Refuse all signatures of a key from now on.

    Raises:
        SigningKeyError: the file has no such key, the key is revoked already, or the file cannot be read or written.
    """

    def revoke(present: TrustedKeys) -> TrustedKeys:
        key = present.find(requested_id)
        if key is None:
            known_keys = ", ".join(f"{key.id} ({key.owner})" for key in present.keys) or "none"
            raise SigningKeyError(f"{path} has no key {requested_id!r}. Its keys are: {known_keys}.")
        if key.revoked is not None:
            raise SigningKeyError(f"the key {requested_id} of {key.owner} is revoked already, since {key.revoked}.")
        return TrustedKeys(
            keys=tuple(
                key.model_copy(update={"revoked": now}) if key.id == requested_id else key for key in present.keys
            )
        )

    key = _change(path, revoke).find(requested_id)
    assert key is not None
    return key


def _change(path: Path, change: Callable[[TrustedKeys], TrustedKeys], creates: bool = False) -> TrustedKeys:
    """Read the file, change its content and replace it; a link is followed, so that its target changes."""
    target = path.resolve()
    changed = change(TrustedKeys() if creates and not target.exists() else read_trusted_keys(path))
    text = json.dumps(changed.model_dump(exclude_none=True), indent=2, ensure_ascii=False) + "\n"
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644  # public keys: the service's user reads them
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SigningKeyError(
            f"the file of trusted keys {path} cannot be written: {error.strerror}. It is unchanged; check the disk and the folder."
        ) from error
    return changed
