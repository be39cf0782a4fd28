"""What a vector is, and the pieces of which vectors are made.

A vector is sent with a marker behind it: a request with an id of its own that asks for the end of the connection. If the
vector is framed as it should be, the marker is answered; if it must be refused, the marker must not be, since whoever
lost the framing cannot know where the next request begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.siege.rows import body

MARKER_ID = "marker"
MARKER = f"GET /livez HTTP/1.1\r\nHost: siege\r\nX-Request-Id: {MARKER_ID}\r\nConnection: close\r\n\r\n".encode()
HIDDEN_ID = "hidden"
"""The id of requests that stand within a body: an answer to one is an answer to a smuggled request."""
OWN_ID = "own"
NUMBER = 12_345
"""The row that most vectors send."""
OTHER = 54_321
BODY = body(NUMBER)
JSON_TYPE = b"Content-Type: application/json"
HOST = b"Host: siege"
OWN = b"X-Request-Id: own"
BAD_REQUEST = frozenset((400,))
NOT_IMPLEMENTED = frozenset((400, 501))


@dataclass(frozen=True)
class ExpectedAnswer:
    """How the server must have understood one request."""

    number: int | None = NUMBER
    """The row whose prediction answers it with 200; None if it is no prediction."""
    request_id: str | None = OWN_ID
    """The id that the answer repeats; None if any will do."""
    statuses: frozenset[int] = frozenset((200,))


@dataclass(frozen=True)
class Vector:
    """Bytes, and what is right. At least one of ``framed`` and ``refused`` is given; with both, either is right."""

    name: str
    source: str
    """The section that says so."""
    data: bytes
    framed: tuple[ExpectedAnswer, ...] | None = None
    """The requests in it, if they are accepted."""
    refused: frozenset[int] = frozenset()
    """The statuses with which it may be refused, after which the connection ends."""
    before: tuple[ExpectedAnswer, ...] = ()
    """The requests that are answered before a refusal."""
    follows: bool | None = True
    """Whether the connection goes on after acceptance; None if both are right."""
    silent: bool = False
    """Whether the server may end the connection without an answer."""
    cut: bool = False
    """Whether the client's half of the connection ends behind the data, in the middle of a request."""

    @property
    def sent(self) -> bytes:
        """Return what the client sends."""
        return self.data if self.cut else self.data + MARKER


def head(line: bytes, *fields: bytes, end: bytes = b"\r\n") -> bytes:
    """Return a request's head: a line, fields without line ends, and the empty line."""
    return end.join((line, *fields, b"", b""))


def post(
    *fields: bytes, content: bytes = BODY, line: bytes = b"POST /predict HTTP/1.1", host: bytes | None = HOST
) -> bytes:
    """Return a prediction with an id; its framing is up to the fields."""
    first = () if host is None else (host,)
    return head(line, *first, JSON_TYPE, OWN, *fields) + content


def post_request(
    *fields: bytes, content: bytes = BODY, line: bytes = b"POST /predict HTTP/1.1", host: bytes | None = HOST
) -> bytes:
    """Return a prediction with an id and the right Content-Length."""
    return post(*fields, length(content), content=content, line=line, host=host)


def length(content: bytes = BODY) -> bytes:
    """Return the right Content-Length of a body."""
    return b"Content-Length: %d" % len(content)


def chunked(content: bytes = BODY, tail: bytes = b"0\r\n\r\n") -> bytes:
    """Return a body as one chunk and the last chunk."""
    return b"%x\r\n%b\r\n%b" % (len(content), content, tail)


def request_of(number: int, request_id: str) -> bytes:
    """Return a plain prediction with an id."""
    content = body(number)
    return (
        head(b"POST /predict HTTP/1.1", HOST, JSON_TYPE, b"X-Request-Id: " + request_id.encode(), length(content))
        + content
    )


HIDDEN = request_of(OTHER, HIDDEN_ID)
"""A whole request that is hidden in bodies."""
EMPTY_BODY = ExpectedAnswer(number=None, statuses=frozenset((400, 411)))
NO_JSON = ExpectedAnswer(number=None, statuses=BAD_REQUEST)
LIVEZ = ExpectedAnswer(number=None)
