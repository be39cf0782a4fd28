"""An API key that was accepted on a connection."""

from __future__ import annotations

from serving.guards.caller import Caller
from serving.guards.guard import KeyFinder


class KnownKey:
    """The header line of a key and its caller, for the requests that follow on the same connection.

    Args:
        line: the header line, with the line ends before and after it.
        caller: the caller of the key.
        keys: the keys of the service, among which it was found.
        tick_s: the time of the connection table at which it was found, in seconds.
    """

    __slots__ = ("_keys", "_tick_s", "_version", "caller", "line")

    def __init__(self, line: bytes, caller: Caller, keys: KeyFinder, tick_s: float) -> None:
        self.line = line
        self.caller = caller
        self._keys = keys
        self._version = keys.version
        self._tick_s = tick_s

    def is_current(self, tick_s: float) -> bool:
        """Return whether the key is still valid: neither the keys nor the time of the table have changed since.

        So a key that ends, or is revoked, is refused at the latest one tick later.
        """
        return self._tick_s == tick_s and self._version == self._keys.version
