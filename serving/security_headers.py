"""The security headers of every answer, for browsers that reach the service directly.

Our own protocol joins them with the server's other headers once a second (``serving.fastpath.exchange``), so an answer pays nothing
for them. If another server runs the application, the application adds them to each answer.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from serving.http import Headers, Message, Send

POLICY_HEADER = b"content-security-policy"
SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (POLICY_HEADER, b"default-src 'none'; frame-ancestors 'none'"),
)
"""The headers of every answer. An application that sends one of them itself keeps its own."""
TLS_HEADER = (b"strict-transport-security", b"max-age=31536000")
"""RFC 6797: browsers use only TLS for this host name, for one year; sent over TLS only."""


def security_headers(*, enabled: bool, is_tls: bool) -> Headers:
    """Return the headers of every answer.

    Args:
        enabled: the setting ``security_headers``.
        is_tls: whether the connection is encrypted.
    """
    if not enabled:
        return ()
    return (*SECURITY_HEADERS, TLS_HEADER) if is_tls else SECURITY_HEADERS


def page_policy(script: str) -> bytes:
    """Return the Content-Security-Policy of a page that loads files of its own host and has one script inside.

    Args:
        script: the text between ``<script>`` and ``</script>``.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    # Swagger UI sets styles inside elements, and has images as data: addresses in its style sheet.
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def with_security_headers(send: Send, *, is_tls: bool) -> Send:
    """Return a function that sends the messages of an answer with the security headers; see ASGI.

    Args:
        send: sends a message of the answer.
        is_tls: whether the connection is encrypted.
    """
    headers = security_headers(enabled=True, is_tls=is_tls)

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            own_headers = list(message.get("headers", ()))
            names = {bytes(name).lower() for name, _ in own_headers}
            message = {**message, "headers": [*own_headers, *(pair for pair in headers if pair[0] not in names)]}
        await send(message)

    return send_with_headers
