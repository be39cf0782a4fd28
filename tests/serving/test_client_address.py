"""The client's address behind proxies."""

from __future__ import annotations

import random
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import client_address
from serving.client_address import (
    MAX_CACHED,
    MAX_HEADER_BYTES,
    MAX_HOPS,
    UNKNOWN_ADDRESS,
    ClientAddresses,
    address_group,
    normal_address,
)

PROXY = "10.1.2.3"
CLIENT = "203.0.113.7"
TRUSTED = ("10.0.0.0/8", "2001:db8:ff::/48", "::1", "unix")
SEED = 15


@pytest.fixture
def addresses() -> ClientAddresses:
    """Trust in a few proxies."""
    return ClientAddresses(TRUSTED)


def _headers(name: str, *values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((name.encode(), value.encode("latin-1")) for value in values)]


def test_without_trusted_proxies_headers_do_not_count() -> None:
    """By default the client is the other end of the connection."""
    addresses = ClientAddresses()
    headers = [*_headers("x-forwarded-for", "1.1.1.1"), *_headers("forwarded", "for=1.1.1.1")]
    assert addresses.resolve(CLIENT, headers) == CLIENT
    assert addresses.resolve(None, headers) == UNKNOWN_ADDRESS
    assert addresses.resolve_scheme(CLIENT, _headers("x-forwarded-proto", "https"), "http") == "http"


def test_headers_of_an_untrusted_peer_do_not_count(addresses: ClientAddresses) -> None:
    """A client that reaches the service directly cannot choose its address."""
    assert addresses.resolve(CLIENT, _headers("x-forwarded-for", "1.1.1.1")) == CLIENT
    assert addresses.resolve(CLIENT, _headers("forwarded", "for=1.1.1.1")) == CLIENT


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([CLIENT], CLIENT),
        (["203.0.113.7:4711"], CLIENT),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (["::ffff:203.0.113.7"], CLIENT),
        (["1.1.1.1, 203.0.113.7, 10.9.9.9"], CLIENT),  # the client wrote 1.1.1.1
        (["1.1.1.1, 203.0.113.7", "10.9.9.9,2001:db8:ff::5"], CLIENT),  # two headers are one list
        (["203.0.113.7,, ,"], CLIENT),
        (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),  # a proxy is itself the client
        (["1.1.1.1, unknown, 10.9.9.9"], "10.9.9.9"),
        (["1.1.1.1, 999.1.1.1"], PROXY),
        (["1.1.1.1, 010.0.0.1"], PROXY),  # a leading zero means octal to some
        (["1.1.1.1, <script>"], PROXY),
        (["1.1.1.1, fe80::1%eth0"], PROXY),
        (["1.1.1.1:port"], PROXY),
        ([""], PROXY),
        ([], PROXY),
    ],
)
def test_x_forwarded_for(addresses: ClientAddresses, values: list[str], expected: str) -> None:
    """The walk from the right ends at the first untrusted address, or before an entry that is not an address."""
    assert addresses.resolve(PROXY, _headers("x-forwarded-for", *values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=203.0.113.7"], CLIENT),
        (["For=203.0.113.7;Proto=https;by=10.1.2.3"], CLIENT),
        (["by=10.1.2.3 ; for=203.0.113.7"], CLIENT),
        ([";;for=203.0.113.7;"], CLIENT),
        (['for="203.0.113.7:4711"'], CLIENT),
        (['for="203.0.113.7:_port"'], CLIENT),
        (['for="[2001:db8::1]:4711"'], "2001:db8::1"),
        (['for="[2001:db8::1]"'], "2001:db8::1"),
        (['for="\\203.0.113.7"'], CLIENT),  # an escaped digit
        (['for=1.1.1.1, for=203.0.113.7;x="a, for=2.2.2.2"'], CLIENT),
        (['for=1.1.1.1;x="a\\", for=2.2.2.2", for=203.0.113.7'], CLIENT),
        (["for=1.1.1.1", "for=203.0.113.7", "for=10.9.9.9"], CLIENT),
        (["for=unknown"], PROXY),
        (["for=_hidden"], PROXY),
        (['for="_SEVKISEK"'], PROXY),
        (["for=1.1.1.1, for=_hidden, for=10.9.9.9"], "10.9.9.9"),
        (["for=1.1.1.1, proto=https"], PROXY),  # the nearest proxy does not name its client
        (["for=1.1.1.1;for=2.2.2.2"], PROXY),
        (["for=203.0.113.7:4711"], PROXY),  # a colon needs quotation marks
        (["for=[2001:db8::1]"], PROXY),
        (['for="2001:db8::1"'], PROXY),
        (['for="203.0.113.7'], PROXY),
        (["for=1.1.1.1 for=2.2.2.2"], PROXY),
        (["for = 1.1.1.1"], PROXY),
        (['for=""'], PROXY),
        (["1.1.1.1"], PROXY),
        ([""], PROXY),
    ],
)
def test_forwarded(addresses: ClientAddresses, values: list[str], expected: str) -> None:
    """RFC 7239 with all of its grammar: the walk ends as that of X-Forwarded-For."""
    assert addresses.resolve(PROXY, _headers("forwarded", *values)) == expected


@pytest.mark.parametrize(
    "open_end", ['for=6.6.6.6;x="', "for=6.6.6.6;", 'for="6.6.6.6', 'x="\\', "for=6.6.6.6, \x00", "=;="]
)
@pytest.mark.parametrize(
    "appended", ["for=203.0.113.7", 'for="203.0.113.7:80"', 'proto=https;for=203.0.113.7;host="a,b"']
)
def test_a_client_cannot_hide_the_proxy_s_element(addresses: ClientAddresses, open_end: str, appended: str) -> None:
    """An open quotation mark or a broken element of the client does not swallow the element that the proxy appends."""
    assert addresses.resolve(PROXY, _headers("forwarded", f"{open_end}, {appended}")) == CLIENT


def test_both_headers_must_agree(addresses: ClientAddresses) -> None:
    """A client that adds the header that its proxy does not write cannot choose its address."""
    forwarded_for, same = _headers("x-forwarded-for", CLIENT), _headers("forwarded", f"for={CLIENT}")
    assert addresses.resolve(PROXY, [*forwarded_for, *same]) == CLIENT
    assert addresses.resolve(PROXY, [*forwarded_for, *_headers("forwarded", "for=6.6.6.6")]) == PROXY


@pytest.mark.parametrize("peer", ["::ffff:10.1.2.3", "2001:db8:ff::1", "::1", "unix", None])
def test_every_form_of_a_trusted_peer_is_trusted(addresses: ClientAddresses, peer: str | None) -> None:
    """A proxy may come by IPv4, IPv6, IPv4 within IPv6, or a Unix socket."""
    assert addresses.resolve(peer, _headers("x-forwarded-for", CLIENT)) == CLIENT


def test_a_peer_is_normalised() -> None:
    """A client has one address, whatever kind of socket it reaches."""
    assert ClientAddresses().resolve("::ffff:203.0.113.7", []) == CLIENT
    assert normal_address("2001:DB8:0:0::1") == "2001:db8::1"
    assert normal_address("a:b") == "a:b"


def test_a_unix_socket_is_trusted_only_if_listed() -> None:
    """The word ``unix`` stands for the clients of a Unix socket, and nobody can send it as an address."""
    assert ClientAddresses(["10.0.0.0/8"]).resolve("unix", _headers("x-forwarded-for", CLIENT)) == "unix"
    assert ClientAddresses(["unix"]).resolve("unix", _headers("x-forwarded-for", "1.1.1.1, unix")) == "unix"


@pytest.mark.parametrize("text", ["", "*", "10.0.0.1/8", "proxy.example", "10.0.0.0/33", "10.0.0", "::1/129"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    """A wrong entry stops the start, with the remedy: a typing error must trust nobody by accident."""
    with pytest.raises(ValueError, match=r"Write 10\.1\.2\.3"):
        ClientAddresses([text])


def test_the_number_of_hops_is_bounded(addresses: ClientAddresses) -> None:
    """A chain of proxies that is too long ends at the last proxy within the limit."""
    proxies = [f"10.0.0.{number}" for number in range(MAX_HOPS + 3)]
    assert addresses.resolve(PROXY, _headers("x-forwarded-for", CLIENT, *proxies)) == proxies[-MAX_HOPS]
    elements = [f"for={proxy}" for proxy in proxies]
    assert addresses.resolve(PROXY, _headers("forwarded", f"for={CLIENT}", ",".join(elements))) == proxies[-MAX_HOPS]


def test_the_length_of_a_header_is_bounded(addresses: ClientAddresses) -> None:
    """A header that is too long does not count."""
    value = f"{CLIENT}, 10.9.9.9"
    padded = " " * (MAX_HEADER_BYTES - len(value)) + value
    assert addresses.resolve(PROXY, _headers("x-forwarded-for", padded)) == CLIENT
    assert addresses.resolve(PROXY, _headers("x-forwarded-for", " " + padded)) == PROXY


def test_caches_are_bounded(addresses: ClientAddresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that changes its addresses cannot fill the memory, and gets the same answers."""
    monkeypatch.setattr(client_address, "MAX_CACHED", 8)
    for number in range(50):
        address = str(IPv4Address(number + (1 << 24)))
        assert addresses.resolve_value(PROXY, b"x-forwarded-for", address.encode()) == address
        assert len(addresses._trusted) <= 8
        assert len(addresses._resolved) <= 8
    assert MAX_CACHED > 8


def test_a_cached_answer_is_of_its_peer(addresses: ClientAddresses) -> None:
    """The same header of an untrusted peer does not count, also after a trusted one sent it."""
    for peer, expected in ((PROXY, CLIENT), ("9.9.9.9", "9.9.9.9"), (PROXY, CLIENT)):
        assert addresses.resolve_value(peer, b"x-forwarded-for", CLIENT.encode()) == expected
    assert addresses.resolve_value(PROXY, b"forwarded", CLIENT.encode()) == PROXY


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["https"], "https"),
        ([" HTTPS "], "https"),
        (["http"], "http"),
        (["ftp"], "http"),
        (["https, http"], "http"),
        (["https", "http"], "http"),
        ([], "http"),
    ],
)
def test_the_scheme(addresses: ClientAddresses, values: list[str], expected: str) -> None:
    """A trusted proxy names the scheme once; anything else is ignored."""
    assert addresses.resolve_scheme(PROXY, _headers("x-forwarded-proto", *values), "http") == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (CLIENT, CLIENT),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unix", "unix"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
    ],
)
def test_the_group_of_an_address(address: str, expected: str) -> None:
    """A client of IPv6 can use all addresses of its network, so limits hold for the network."""
    assert address_group(address) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4), st.sampled_from((b"x-forwarded-for", b"forwarded")))
def test_any_bytes_give_an_address(values: list[bytes], name: bytes) -> None:
    """Whatever a header holds, the answer is a normal address and no exception."""
    address = ClientAddresses(TRUSTED).resolve(PROXY, [(name, value) for value in values])
    assert normal_address(address) == address


def test_a_client_s_prefix_never_changes_its_address(addresses: ClientAddresses) -> None:
    """Seeded: whatever a client sends, the entry that its proxy appends decides."""
    rng = random.Random(SEED)
    alphabet = 'for=1.2.3.4,;"\\[]: _x10.9.9.9'
    for _ in range(2_000):
        prefix = "".join(rng.choice(alphabet) for _ in range(rng.randrange(40)))
        assert addresses.resolve(PROXY, _headers("x-forwarded-for", f"{prefix}, {CLIENT}")) == CLIENT
        assert addresses.resolve(PROXY, _headers("forwarded", f"{prefix}, for={CLIENT}")) == CLIENT
