"""The guard: it finds the caller of a request, and refuses a caller without a key, permission or remaining rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from serving.errors import ForbiddenError, MalformedError
from serving.guards.caller import Caller, Scope
from serving.guards.failed_attempts import FailedAttempts, KeyFault
from serving.guards.key_source import KeySource

KEY_HEADER = b"x-api-key"
AUTHORIZATION_HEADER = b"authorization"
_BEARER = b"bearer "


class KeyFinder(Protocol):
    """Finds the caller of an API key."""

    version: int
    """Changes with the keys."""

    def find(self, secret: bytes) -> Caller | None:
        """Return the caller of a key; None if the key is unknown, revoked or expired."""
        ...

    def fault(self, secret: bytes) -> KeyFault:
        """Return the reason why ``find`` returned None, for metrics and the log. No client receives it."""
        ...


class AddressTable(Protocol):
    """Finds the caller of an address without a key."""

    def find(self, address: str) -> Caller:
        """Return the caller of an address."""
        ...


class Guard:
    """Finds the caller of a request.

    Args:
        keys: the API keys; None if the service needs no key.
        addresses: the callers without a key; used only if the service needs no key.
        failures: counts the requests without a valid key; None for a new table without metrics.
        source: keeps the keys up to date; None if they do not change.
    """

    def __init__(
        self,
        keys: KeyFinder | None,
        addresses: AddressTable,
        failures: FailedAttempts | None = None,
        source: KeySource | None = None,
    ) -> None:
        self.keys = keys
        """The API keys; None if the service needs no key."""
        self._addresses = addresses
        self._failures = failures or FailedAttempts({})
        self._source = source

    def start(self) -> None:
        """Keep the keys up to date from now on."""
        if self._source is not None:
            self._source.start()

    def stop(self) -> None:
        """Stop looking for changes of the keys."""
        if self._source is not None:
            self._source.stop()

    def admits(self, secret: bytes | None) -> bool:
        """Return whether a key is valid, or none is needed. Nothing is counted: the request is still arriving."""
        return self.keys is None or (secret is not None and self.keys.find(secret) is not None)

    def identify(self, secret: bytes | None, address: str, scope: Scope) -> Caller:
        """Return the caller of a request.

        Args:
            secret: the API key; None if the request has none.
            address: the client's address.
            scope: the permission that the request needs.

        Raises:
            UnauthorizedError: the key is missing or not valid. The error is equal for all invalid keys.
            ForbiddenError: the key does not have the permission.
            RateLimitedError: the caller is known to be over its limit, or its address sent too many invalid keys.
        """
        keys = self.keys
        if keys is None:
            caller = self._addresses.find(address)
            if scope not in caller.scopes:
                raise ForbiddenError(f"This path needs an API key with the scope {scope!r}; the service has no keys.")
        else:
            key_caller = None if secret is None else keys.find(secret)
            if key_caller is None:
                raise self._failures.refuse(address, None if secret is None else keys.fault(secret))
            if scope not in key_caller.scopes:
                self._failures.count("scope")
                raise ForbiddenError(f"This API key does not have the scope {scope!r}.")
            caller = key_caller
        require_rate(caller)
        return caller


def require_rate(caller: Caller) -> None:
    """Refuse a caller that is known to be over its limit; nothing is counted.

    Raises:
        RateLimitedError: the caller is over its limit.
    """
    if caller.limiter is not None and (refusal := caller.limiter.refusal(caller)) is not None:
        raise refusal


def read_secret(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the API key of a request; None if it has none. Another kind of authorization is ignored.

    Args:
        headers: names in lower case and values, as ASGI has them.

    Raises:
        MalformedError: the request has several different keys.
    """
    secrets = set()
    for name, value in headers:
        if name == KEY_HEADER:
            secrets.add(value)
        elif name == AUTHORIZATION_HEADER and (secret := bearer_secret(value)) is not None:
            secrets.add(secret)
    if len(secrets) > 1:
        raise MalformedError(
            "Expected one API key, got several. Send X-API-Key or Authorization: Bearer, or the same key in both."
        )
    return next(iter(secrets), None)


def bearer_secret(value: bytes) -> bytes | None:
    """Return the key of an ``Authorization`` header; None for another kind of authorization."""
    return value[len(_BEARER) :].strip(b" \t") if value[: len(_BEARER)].lower() == _BEARER else None
