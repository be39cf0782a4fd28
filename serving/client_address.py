"""The address of the client of a request, also behind proxies.

The address of the other end of a connection is certain. Any client can send ``X-Forwarded-For`` or ``Forwarded`` (RFC 7239),
so these headers count only if the connection comes from a proxy that the settings trust. Each proxy appends the address of its own
client at the right. The walk begins there and ends at the first address that is not trusted: it was written by a trusted
proxy, and everything left of it by somebody else. ``docs/proxies.md`` has examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

CLIENT_ADDRESS = "tabento.client_address"
"""The key of an ASGI scope that holds the client's address."""
UNKNOWN_ADDRESS = "unix"
"""The address of a client that has none, such as one on a Unix socket."""
FORWARDED_FOR_HEADER = b"x-forwarded-for"
FORWARDED_HEADER = b"forwarded"
FORWARDED_PROTO_HEADER = b"x-forwarded-proto"
MAX_HOPS = 16
"""The largest number of proxies in a row; a longer chain ends at the last proxy within it."""
MAX_HEADER_BYTES = 4_096
"""The largest number of bytes of a header of addresses; a longer header does not count."""
MAX_CACHED = 4_096
"""The largest number of cached decisions; then the cache is cleared."""
MAX_CACHED_BYTES = 256
"""The answer for a longer header is not cached."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_PAIR = rb"(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb")"
_PAIRS = re.compile(_PAIR).findall
# RFC 7239, 4, with blanks around a semicolon, which many proxies write.
_ELEMENT = re.compile(
    rb"[ \t]*+(?:" + _PAIR + rb")?+(?:[ \t]*+;[ \t]*+(?:" + _PAIR + rb")?+)*+[ \t]*+"
).fullmatch  # fmt: skip
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
# RFC 7239, 6: the address and an optional port, which may be obfuscated.
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?").fullmatch
_BARE_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}").fullmatch
_SCHEMES = frozenset(("http", "https"))


def parse_address(text: str) -> Address | None:
    """Return an address; None if the text is not an address. An IPv4 address that is mapped into IPv6 becomes IPv4.

    Args:
        text: an IPv4 or IPv6 address. The zone of a link-local address, such as ``%eth0``, is dropped.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def normal_address(text: str) -> str:
    """Return an address in its usual form, so that one client has one address; any other text stays as it is."""
    if ":" not in text:
        return text
    address = parse_address(text)
    return text if address is None else str(address)


def parse_proxy(text: str) -> Network | None:
    """Return the network of a trusted proxy; None for ``unix``.

    Args:
        text: an address, a network such as ``10.0.0.0/8``, or ``unix`` for the clients of a Unix socket.

    Raises:
        ValueError: it is neither.
    """
    if text == UNKNOWN_ADDRESS:
        return None
    address = parse_address(text)
    if address is not None:
        return ip_network(address)
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not an address, a network or 'unix': {error}. Write 10.1.2.3, 10.0.0.0/8, 2001:db8::/32 or unix."
        ) from None


def address_group(address: str) -> str:
    """Return the group of addresses that one client can choose freely: of IPv6 the network of 64 bits, else the address."""
    if ":" not in address:
        return address
    parsed = parse_address(address)
    return str(ip_network((int(parsed), 64), strict=False)) if isinstance(parsed, IPv6Address) else address


class ClientAddresses:
    """Finds the client's address and scheme behind trusted proxies.

    Args:
        trusted_proxies: addresses and networks of proxies, and ``unix``.

    Raises:
        ValueError: one is neither.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        proxies = [parse_proxy(text) for text in trusted_proxies]
        self.has_proxies = bool(proxies)
        """Whether any proxy is trusted."""
        self._trusts_unix = None in proxies
        self._networks = [network for network in proxies if network is not None]
        self._trusted: dict[str, bool] = {}
        self._resolved: dict[tuple[str, bytes, bytes], str] = {}

    def trusts(self, address: str) -> bool:
        """Return whether an address is of a trusted proxy.

        Args:
            address: an address, or ``unix``.
        """
        if not self.has_proxies:
            return False
        trusted = self._trusted.get(address)
        if trusted is None:
            if len(self._trusted) >= MAX_CACHED:
                self._trusted.clear()
            trusted = self._trusted[address] = self._is_trusted(address)
        return trusted

    def _is_trusted(self, address: str) -> bool:
        if address == UNKNOWN_ADDRESS:
            return self._trusts_unix
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def resolve(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the client's address.

        ``X-Forwarded-For`` and ``Forwarded`` are read. If a request has both, they must name the same client: a proxy writes
        one of them and passes on the other one as the client sent it. If they differ, neither counts.

        Args:
            peer: the address of the other end of the connection; None on a Unix socket.
            headers: names in lower case and values, as ASGI has them.

        Returns:
            The client's address. It is the peer's if the peer is not trusted, or if no header names a client.
        """
        peer = UNKNOWN_ADDRESS if peer is None else normal_address(peer)
        if not self.trusts(peer):
            return peer
        fields: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name in (FORWARDED_FOR_HEADER, FORWARDED_HEADER):
                fields.setdefault(name, []).append(value)
        addresses = {self._walk(peer, name, values) for name, values in fields.items()}
        return addresses.pop() if len(addresses) == 1 else peer

    def resolve_value(self, peer: str, name: bytes, value: bytes) -> str:
        """Return the client's address, for a request with one header of addresses; answers are cached.

        Args:
            peer: the address of the other end of the connection, as ``normal_address`` returns it.
            name: the name of the header, in lower case.
            value: its value.
        """
        key = (peer, name, value)
        address = self._resolved.get(key)
        if address is None:
            address = self.resolve(peer, ((name, value),))
            if len(value) <= MAX_CACHED_BYTES:
                if len(self._resolved) >= MAX_CACHED:
                    self._resolved.clear()
                self._resolved[key] = address
        return address

    def resolve_scheme(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]], scheme: str) -> str:
        """Return the scheme with which the client reached the first trusted proxy.

        Args:
            peer: the address of the other end of the connection; None on a Unix socket.
            headers: names in lower case and values, as ASGI has them.
            scheme: the scheme of the connection itself.

        Returns:
            The value of ``X-Forwarded-Proto`` if the peer is trusted and the header is one time ``http`` or ``https``.
        """
        if not self.trusts(UNKNOWN_ADDRESS if peer is None else normal_address(peer)):
            return scheme
        values = [value for name, value in headers if name == FORWARDED_PROTO_HEADER]
        text = values[0].decode("latin-1").strip().lower() if len(values) == 1 else ""
        return text if text in _SCHEMES else scheme

    def _walk(self, peer: str, name: bytes, values: list[bytes]) -> str:
        """Return the first address from the right that is not trusted, or the last one before the chain is unreadable."""
        if sum(map(len, values)) > MAX_HEADER_BYTES:
            return peer
        nodes = _forwarded_for_nodes if name == FORWARDED_FOR_HEADER else _forwarded_nodes
        last, hops = peer, 0
        for value in reversed(values):
            for address in nodes(value):
                hops += 1
                if address is None or hops > MAX_HOPS:
                    return last
                last = str(address)
                if not self.trusts(last):
                    return last
        return last


def _forwarded_for_nodes(value: bytes) -> Iterator[Address | None]:
    """Yield the entries of an ``X-Forwarded-For`` header from the right; None for an entry that is not an address.

    An address of IPv6 may be written without brackets. Empty entries are ignored (RFC 9110, 5.6.1).
    """
    for part in reversed(value.split(b",")):
        text = part.strip(b" \t").decode("latin-1")
        if text:
            yield parse_address(text) if _BARE_ADDRESS(text) and text.count(":") != 1 else _node_address(text)


def _forwarded_nodes(value: bytes) -> Iterator[Address | None]:
    """Yield the ``for`` parameters of a ``Forwarded`` header from the right; None for an element without an address.

    The header is read from the right, so that a client cannot hide the element of a trusted proxy behind an open quotation
    mark. An element is the shortest valid one that begins at a comma: within quotation marks no element is valid, because its
    marks are odd in number.
    """
    parts = value.split(b",")
    end = len(parts)
    while end > 0:
        for start in range(end - 1, max(end - 1 - MAX_HOPS, -1), -1):
            element = b",".join(parts[start:end])
            if _ELEMENT(element) is not None:
                break
        else:
            yield None
            return
        end = start
        if element.strip(b" \t"):
            node = _for_parameter(element)
            yield None if node is None else _node_address(node)


def _for_parameter(element: bytes) -> str | None:
    """Return the ``for`` parameter of a valid element; None without one, or if any parameter is repeated."""
    pairs = [(name.lower(), value) for name, value in _PAIRS(element)]
    parameters = dict(pairs)
    value = parameters.get(b"for")
    if value is None or len(parameters) < len(pairs):
        return None
    if value[:1] == b'"':
        value = _ESCAPE.sub(rb"\1", value[1:-1])
    return str(value.decode("latin-1"))


def _node_address(text: str) -> Address | None:
    """Return the address of a node (RFC 7239, 6); None for ``unknown``, an obfuscated identifier, or a malformed node."""
    node = _NODE(text)
    return None if node is None else parse_address(node[1] or node[2])
