"""The whole answer to a plain request that is refused for load, written without parsing the request.

A refusal must be inexpensive: its cost is taken from the time for answers.
"""

from __future__ import annotations

from serving.errors import overload_error
from serving.http import JSON_HEADER, header_lines, status_line
from serving.request_ids import HEADER as REQUEST_ID_HEADER


class OverloadAnswer:
    """An answer in which only the request's id ever changes."""

    def __init__(self) -> None:
        error = overload_error()
        before, after = error.body("\0").split(b"\\u0000")
        self._status_line = status_line(error.status)
        self._headers = b"%b%b: " % (header_lines((JSON_HEADER, *error.headers)), REQUEST_ID_HEADER)
        self._body = before, after
        self._length = len(before) + len(after)
        self._server_lines: bytes | None = None
        self._template = b""

    def render(self, request_id: bytes, server_lines: bytes) -> bytes:
        """Return status line, headers and body.

        Args:
            request_id: letters, digits, dots, dashes and underscores only.
            server_lines: the headers that the server adds to every answer, as lines; other ones each second.
        """
        if server_lines is not self._server_lines:
            self._server_lines = server_lines
            before = self._status_line, server_lines, self._headers
            parts = [part.replace(b"%", b"%%") for part in (*before, *self._body)]
            self._template = b"%b%b%b%%b\r\ncontent-length: %%d\r\n\r\n%b%%b%b" % tuple(parts)
        return self._template % (request_id, self._length + len(request_id), request_id)
