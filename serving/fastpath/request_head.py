"""The head of a request: request line and headers, read by the grammar of RFC 9112 and nothing more lenient.

Where the RFC lets a server choose between repairing and refusing, this one refuses: two servers that repair differently
frame the same bytes differently, and that is request smuggling. So there is no bare line feed, no folded header, no
blank before a colon, no second Content-Length, no Transfer-Encoding beside a Content-Length.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from serving.errors import (
    MalformedError,
    TargetTooLongError,
    UnsupportedCodingError,
    UnsupportedVersionError,
)
from serving.fastpath.error import ProtocolError
from serving.request_ids import HEADER as REQUEST_ID_HEADER

MAX_TARGET_BYTES = 8_192
"""The longest request target; RFC 9112, 3, asks for at least 8,000 bytes."""
MAX_LENGTH_DIGITS = 18
"""A Content-Length of more digits is no length of anything; 18 digits fit into 64 bits."""
SHOWN_BYTES = 60
"""The number of bytes of a wrong line that an error message repeats."""

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
"""A character of a method or of a header's name (RFC 9110, 5.6.2)."""
VALUE = rb"[\t\x20-\x7e\x80-\xff]"
"""A character of a header's value (RFC 9110, 5.5)."""
# The possessive quantifiers (*+, ++) keep every expression linear: nothing that was matched is given back.
_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb"++) ([\x21\x22\x24-\x7e]++) HTTP/([0-9])\.([0-9])\r\n").match
_FIELDS = re.compile(rb"(?:" + TOKEN + rb"++:" + VALUE + rb"*+\r\n)*").fullmatch
_FIELD = re.compile(rb"(" + TOKEN + rb"++):(" + VALUE + rb"*+)\r\n").findall
valid_host = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})++)(?::[0-9]{0,5})?"
).fullmatch  # RFC 3986, 3.2.2, but for the comma, which joins two headers; none is empty (RFC 9110, 4.2.1)
_ABSOLUTE = re.compile(rb"https?://([^/?#@]++)([/?].*+)?", re.IGNORECASE).fullmatch
_ORIGIN_FORM = re.compile(rb"/").match


class RequestHead:
    """The parsed head of a request.

    Args:
        method: as it came, upper and lower case kept.
        target: the path and query that the application sees, in origin form or ``*``.
        version: ``"1.1"`` or ``"1.0"``.
        headers: names in lower case and values without white space around them, in their order.
    """

    __slots__ = ("chunked", "expects_continue", "headers", "keep_alive", "length", "method", "target", "version")

    def __init__(self, method: str, target: bytes, version: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.length = 0
        """The announced number of bytes of the body; 0 without a body, or if the body arrives in chunks."""
        self.chunked = False
        """Whether the body arrives in chunks."""
        self.keep_alive = version == "1.1"
        """Whether the client allows another request on this connection."""
        self.expects_continue = False
        """Whether the client sends its body only after ``100 Continue``."""

    @property
    def path(self) -> str:
        """The decoded path, without the query."""
        return unquote(self.raw_path.decode("ascii"))

    @property
    def raw_path(self) -> bytes:
        """The path as it came, without the query."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The query without its question mark."""
        return self.target.partition(b"?")[2]


def request_id_of(head: RequestHead) -> bytes | None:
    """Return the id that the caller gave a request, unchecked."""
    return next((value for name, value in head.headers if name == REQUEST_ID_HEADER), None)


def quoted_text(line: bytes) -> str:
    """Return bytes of a client in a form that can be repeated in a message."""
    text = line[:SHOWN_BYTES].decode("latin-1")
    return repr(text) + ("…" if len(line) > SHOWN_BYTES else "")


def malformed(reason: str, message: str) -> ProtocolError:
    """Return the fault of bytes that are not HTTP/1.1."""
    return ProtocolError(reason, MalformedError(message))


def check_line_ends(data: bytes | bytearray) -> None:
    """Refuse a head that holds a line feed without a carriage return, so that it is not waited for in vain.

    Raises:
        ProtocolError: there is one.
    """
    if data.count(b"\n") != data.count(b"\r\n"):
        raise malformed("header", "Every line of a request's head ends with CR LF; got a line feed alone.")


def check_target_length(head: bytes | bytearray) -> None:
    """Refuse a request line, whole or still arriving, that is too long.

    Raises:
        ProtocolError: the request line has more bytes than method, target and version can need.
    """
    end = head.find(b"\r\n", 0, MAX_TARGET_BYTES + 64)
    if end < 0 and len(head) > MAX_TARGET_BYTES + 64:
        raise ProtocolError(
            "target_too_long", TargetTooLongError(f"The request target is longer than {MAX_TARGET_BYTES} bytes.")
        )


def parse_head(head: bytes) -> RequestHead:
    """Read a whole head.

    Args:
        head: request line and headers, each with its line end, without the empty line after them.

    Raises:
        ProtocolError: it is not a head that RFC 9112 allows, or asks for what this server does not speak.
    """
    # In the order in which a head in pieces is checked, so that the answer does not depend on the pieces.
    check_target_length(head)
    check_line_ends(head)
    line = _REQUEST_LINE(head)
    if line is None:
        first, _, _ = head.partition(b"\r\n")
        raise malformed(
            "request_line",
            f"Expected a request line such as 'POST /predict HTTP/1.1' with single blanks, got {quoted_text(first)}.",
        )
    method, target, major, minor = line.groups()
    if major != b"1":
        raise ProtocolError(
            "version",
            UnsupportedVersionError(f"This server speaks HTTP/1.1, got HTTP/{major.decode()}.{minor.decode()}."),
        )
    if len(target) > MAX_TARGET_BYTES:
        raise ProtocolError(
            "target_too_long",
            TargetTooLongError(f"The request target has {len(target)} bytes; the limit is {MAX_TARGET_BYTES}."),
        )
    fields = head[line.end() :]
    if _FIELDS(fields) is None:
        raise _header_fault(fields)
    headers = [(name.lower(), value.strip(b" \t")) for name, value in _FIELD(fields)]
    request = RequestHead(method.decode("ascii"), target, "1.0" if minor == b"0" else "1.1", headers)
    _read_headers(request)
    return request


def _header_fault(fields: bytes) -> ProtocolError:
    """Return the fault that names the first line that is not a header."""
    for line in fields.split(b"\r\n")[:-1]:
        if _FIELDS(line + b"\r\n") is None:
            return malformed("header", f"Expected a header such as 'name: value', got {quoted_text(line)}.")
    return malformed("header", "The headers are not lines that end with CR LF.")


def _read_headers(request: RequestHead) -> None:
    """Read the headers that decide about framing and the connection.

    Raises:
        ProtocolError: they contradict each other, or themselves.
    """
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: list[bytes] = []
    for name, value in request.headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"connection":
            options += [option.strip(b" \t").lower() for option in value.split(b",")]
        elif name == b"expect":
            request.expects_continue = request.version == "1.1" and value.lower() == b"100-continue"
    _check_host(request, hosts)
    _read_framing(request, lengths, codings)
    if b"close" in options:
        request.keep_alive = False
    elif request.version == "1.0":
        request.keep_alive = b"keep-alive" in options


def _check_host(request: RequestHead, hosts: list[bytes]) -> None:
    """Check the Host header, and bring the target into origin form (RFC 9112, 3.2)."""
    if len(hosts) > 1 or (not hosts and request.version == "1.1"):
        raise malformed("host", f"Expected one Host header, got {len(hosts) or 'none'}.")
    if hosts and valid_host(hosts[0]) is None:
        raise malformed("host", f"Expected Host: name or name:port, got {quoted_text(hosts[0])}.")
    target = request.target
    if _ORIGIN_FORM(target) or (target == b"*" and request.method == "OPTIONS"):
        return
    absolute = _ABSOLUTE(target)
    if absolute is None or valid_host(absolute[1]) is None:
        raise malformed("request_line", f"Expected a request target that begins with '/', got {quoted_text(target)}.")
    rest: bytes = absolute[2] or b""
    request.target = rest if rest.startswith(b"/") else b"/" + rest
    # The target's authority replaces the Host header's (RFC 9112, 3.2.2).
    request.headers = [(name, absolute[1] if name == b"host" else value) for name, value in request.headers]


def _read_framing(request: RequestHead, lengths: list[bytes], codings: list[bytes]) -> None:
    """Find the length of the body (RFC 9112, 6.3)."""
    if codings:
        if request.version == "1.0":
            raise malformed("transfer_encoding", "HTTP/1.0 has no Transfer-Encoding.")
        if lengths:
            raise malformed("transfer_encoding", "Expected Content-Length or Transfer-Encoding, got both.")
        listed = [coding.strip(b" \t").lower() for coding in b",".join(codings).split(b",")]
        if listed != [b"chunked"]:
            got = quoted_text(b", ".join(codings))
            if listed[-1] == b"chunked" and listed.count(b"chunked") == 1 and all(listed):
                raise ProtocolError(
                    "transfer_encoding",
                    UnsupportedCodingError(f"Expected Transfer-Encoding: chunked and no other coding, got {got}."),
                )
            raise malformed("transfer_encoding", f"Expected Transfer-Encoding: chunked, got {got}.")
        request.chunked = True
    elif lengths:
        if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > MAX_LENGTH_DIGITS:
            raise malformed(
                "content_length", f"Expected one Content-Length of digits, got {quoted_text(b', '.join(lengths))}."
            )
        request.length = int(lengths[0])
