"""The Host field: there once, and a host."""

from __future__ import annotations

from tests.serving.fastpath.vectors.vector import (
    BAD_REQUEST,
    HOST,
    LIVEZ,
    OWN,
    ExpectedAnswer,
    Vector,
    head,
    post_request,
)

_SOURCE = "RFC 9112, 3.2"

_RIGHT = (
    *(
        b"siege",
        b"siege:80",
        b"SIEGE.example",
        b"127.0.0.1",
        b"127.0.0.1:3000",
        b"[::1]",
        b"[::1]:3000",
        b"xn--bcher-kva.example",
    ),
    *(b"a_b.example", b"a-b.c-d.example.", b"a~b!c$d&e'f", b"1", b"  siege  "),
)
_EITHER = (
    b"",
    b":80",
    b"a,b",
    b"siege:",
    b"siege:99999",
    b"si%65ge",
    b"a..b",
    b"-a",
    b"s\xc3\xa9ge",
    b"a" * 300,
    b"[v1.x]",
    b"[::1%25eth0]",
)
_BAD = (
    *(b"a b", b"a, b", b"a/b", b"/", b"a?b", b"a#b", b"name@siege", b"http://siege", b"siege:x", b"siege:-1"),
    *(
        b"siege:80:80",
        b"::1",
        b"[::1",
        b"::1]",
        b"[::1]x",
        b"a\\b",
        b'"siege"',
        b"<siege>",
        b"a\tb",
        b"a\x00b",
        b"a\x01b",
    ),
    *(b"a^b", b"a`b", b"{a}", b"a|b", b"%zz", b"siege: 80", b"siege :80", b"[]", b"[x y]"),
)

VECTORS = (
    *(
        Vector(f"Host {host!r}", _SOURCE, post_request(host=b"Host: " + host), framed=(ExpectedAnswer(),))
        for host in _RIGHT
    ),
    *(
        Vector(
            f"Host {host!r}",
            _SOURCE,
            post_request(host=b"Host: " + host),
            framed=(ExpectedAnswer(),),
            refused=BAD_REQUEST,
        )
        for host in _EITHER
    ),
    *(Vector(f"Host {host!r}", _SOURCE, post_request(host=b"Host: " + host), refused=BAD_REQUEST) for host in _BAD),
    Vector("no Host with a body", _SOURCE, post_request(host=None), refused=BAD_REQUEST),
    Vector("no Host", _SOURCE, head(b"GET /livez HTTP/1.1", OWN), refused=BAD_REQUEST),
    Vector(
        "no Host with an absolute target",
        _SOURCE,
        post_request(host=None, line=b"POST http://siege/predict HTTP/1.1"),
        refused=BAD_REQUEST,
    ),
    Vector("two equal Hosts", _SOURCE, post_request(HOST), refused=BAD_REQUEST),
    Vector("two different Hosts", _SOURCE, post_request(b"Host: other"), refused=BAD_REQUEST),
    Vector("two Hosts in different case", _SOURCE, post_request(b"hOST: siege"), refused=BAD_REQUEST),
    Vector("two Hosts, one empty", _SOURCE, post_request(b"Host:"), refused=BAD_REQUEST),
    Vector("a blank before Host's colon", _SOURCE, post_request(host=b"Host : siege"), refused=BAD_REQUEST),
    Vector(
        "Host with its value on the next line",
        _SOURCE,
        post_request(host=b"Host:\r\n siege"),
        framed=(ExpectedAnswer(),),
        refused=BAD_REQUEST,
    ),
    Vector("Host behind the other fields", _SOURCE, post_request(HOST, host=None), framed=(ExpectedAnswer(),)),
    Vector("HOST in capitals", _SOURCE, head(b"GET /livez HTTP/1.1", b"HOST: siege", OWN), framed=(LIVEZ,)),
    Vector("Host without a blank", _SOURCE, head(b"GET /livez HTTP/1.1", b"Host:siege", OWN), framed=(LIVEZ,)),
)
