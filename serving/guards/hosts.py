"""The host names under which the service answers, against requests with a forged ``Host`` header.

A forged name matters where a name decides: in a cache or a proxy before the service, and in a browser whose DNS answers
change (DNS rebinding). The check costs a plain request nothing, because its head is cached with the result.
"""

from __future__ import annotations

from collections.abc import Iterable

from serving.errors import MisdirectedError

_HOST = b"host"


class AllowedHosts:
    """A list of host names.

    Args:
        names: names as the setting ``allowed_hosts`` has them, without a port.
    """

    def __init__(self, names: Iterable[str]) -> None:
        lower_names = [name.lower().encode() for name in names]
        self._names = frozenset(lower_names)
        self._ends = tuple(name[1:] for name in lower_names if name.startswith(b"*."))

    def allow(self, host: bytes) -> bool:
        """Return whether the list has a host name.

        Args:
            host: the value of a ``Host`` header; its port does not count. Empty if the request has none.
        """
        name = host.lower()
        if not name.endswith(b"]"):
            name = name.rpartition(b":")[0] if b":" in name else name
        name = name.removesuffix(b".")
        return name in self._names or name.endswith(self._ends)


def host_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the ``Host`` header of a request; empty if it has none."""
    return next((value for name, value in headers if name == _HOST), b"")


def misdirected_error() -> MisdirectedError:
    """Return the error for a request to a host name that the service does not have."""
    return MisdirectedError(
        "This service does not answer under the host name of the request. Use the name that its operator publishes."
    )
