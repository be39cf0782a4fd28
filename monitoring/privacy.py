"""Private fields: the features and identifiers whose values never reach a log, an error message, a metric or a trace.

A field is private if the contract marks it with ``pii``, or if the setting ``private_fields`` has its name. The value of a private
field is dropped, or replaced by a keyed hash: equal values have equal hashes, and nobody without the key can try out values.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, Protocol

import msgspec
from pydantic import SecretStr

from tabento.bundle.contract import Contract, Feature, Identifier

Treatment = Literal["log", "drop", "hash"]
"""``log``: the value may be written; ``drop``: it is left out; ``hash``: ``Privacy.hash_value`` is written instead."""

MASK = "a private value"
"""The text that error messages have instead of a private value; ``value`` can be replaced by its kind."""
HASH_BYTES = 16
"""The length of a hash: two of a billion values have the same one with a probability of about 10^-21."""

_SEPARATORS = str.maketrans("", "", "_-. ")


class PrivacySettings(Protocol):
    """The settings that determine which fields are private, see ``monitoring.settings``."""

    @property
    def private_fields(self) -> tuple[str, ...]:
        """The names of private fields."""
        ...

    @property
    def private_hash_key(self) -> SecretStr | None:
        """The key of the hashes."""
        ...


def private_name(name: str) -> str:
    """Return a field's name as it is compared: without regard to case and separators, so ``Customer-ID`` is ``customer_id``."""
    return name.casefold().translate(_SEPARATORS)


class Privacy:
    """The treatment of each field of one contract.

    Args:
        contract: the contract of a model.
        settings: the service's settings.
    """

    def __init__(self, contract: Contract, settings: PrivacySettings) -> None:
        secret = settings.private_hash_key
        # BLAKE2 takes keys of at most 64 bytes, and the secret may be longer.
        self._key = None if secret is None else blake2b(secret.get_secret_value().encode()).digest()
        without_mark: Treatment = "drop" if self._key is None else "hash"
        names = {private_name(name) for name in settings.private_fields}
        self._treatments: dict[str, Treatment] = {}
        fields: list[Feature | Identifier] = [*contract.features, *contract.identifiers]
        for field in fields:
            if field.pii == "drop":
                self._treatments[field.name] = "drop"
            elif field.pii == "hash" or private_name(field.name) in names:
                self._treatments[field.name] = without_mark

    @property
    def private(self) -> dict[str, Treatment]:
        """The private fields with ``drop`` or ``hash``; empty if all values may be written."""
        return dict(self._treatments)

    def treatment(self, field: str) -> Treatment:
        """Return the treatment of a feature or identifier by its name."""
        return self._treatments.get(field, "log")

    def hash_value(self, field: str, value: str | int | float | bool | None) -> str:
        """Return the hash of a value as 32 hexadecimal digits.

        The same value of a field has the same hash in every model and version, as long as the key is the same.

        Args:
            field: the field's name; its treatment is ``hash``.
            value: the value as the log would have it.

        Raises:
            ValueError: there is no key, so private values must be dropped.
        """
        if self._key is None:
            raise ValueError(f"{field!r} cannot be hashed without `private_hash_key`: drop its values")
        content = msgspec.json.encode((private_name(field), value))
        return blake2b(content, digest_size=HASH_BYTES, key=self._key).hexdigest()
