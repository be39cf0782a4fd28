"""A client of a running Tabento service for commands: JSON over HTTP, with the API key of the environment.

A request that the service refuses for a while (429, 503) is repeated; a request whose answer was lost is not, because the service may
have made the change.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tabento.errors import TabentoError
from tabento.remote.errors import RemoteUnavailableError

KEY_VARIABLE = "TABENTO_API_KEY"
"""The environment variable with the API key; other users of the computer would see a key on the command line."""
DEFAULT_URL = "http://127.0.0.1:3000"
TIMEOUT_S = 30.0
ATTEMPTS = 4
LONGEST_WAIT_S = 10.0
_RETRIED_STATUSES = (429, 503)
_SHOWN_BYTES = 500


class ServiceRefusedError(TabentoError):
    """The service refused a request.

    Args:
        message: the service's message.
        status: the status of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key must not reach another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return no further request."""


_REMEDIES = {
    401: "Set TABENTO_API_KEY to a key of this service.",
    403: "Set TABENTO_API_KEY to a key with this scope (`tabento keys create --scope …`).",
}
"""The remedies for refused keys; the service cannot know how its client got the key."""


class ServiceClient:
    """A client of one service.

    Args:
        url: the address of the service.
        key: an API key; None for none.
        timeout_s: the time limit of one request.
        sleep: waits for a number of seconds between two attempts.

    Raises:
        ValueError: the address is not one of HTTP.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"expected an address such as {DEFAULT_URL}, got {url!r}")
        self.url = url.rstrip("/")
        self._headers = {"content-type": "application/json"} | ({} if key is None else {"x-api-key": key})
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._open = urllib.request.build_opener(_NoRedirects).open

    def get(self, path: str, query: Mapping[str, str | None] | None = None) -> Any:
        """Return the JSON of a route.

        Args:
            path: the path of the route.
            query: the parameters; one with None is left out.

        Raises:
            ServiceRefusedError: the service refuses the request.
            RemoteUnavailableError: it cannot be reached, or its answer is not JSON.
        """
        return self._json(self.get_bytes(path, query))

    def get_bytes(self, path: str, query: Mapping[str, str | None] | None = None) -> bytes:
        """Return the body of a route; see ``get``."""
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask("GET", path + (f"?{urllib.parse.urlencode(parameters)}" if parameters else ""), None)

    def post(self, path: str, content: object) -> Any:
        """Send JSON and return the answer's JSON; raises as ``get`` does."""
        return self._json(self._ask("POST", path, json.dumps(content).encode()))

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise RemoteUnavailableError(
                f"The answer of {self.url} is not JSON. Check whether the address is that of the service."
            ) from None

    def _ask(self, method: str, target: str, body: bytes | None) -> bytes:
        request = urllib.request.Request(self.url + target, body, self._headers, method=method)  # noqa: S310 - the constructor allows HTTP only
        for attempt in range(ATTEMPTS):
            try:
                with self._open(request, timeout=self._timeout_s) as answer:
                    content: bytes = answer.read()
                    return content
            except urllib.error.HTTPError as error:
                with error:
                    if error.code in _RETRIED_STATUSES and attempt + 1 < ATTEMPTS:
                        self._sleep(_wait_s(error.headers.get("retry-after"), attempt))
                        continue
                    raise ServiceRefusedError(f"{self.url}: {_message(error)}", error.code) from None
            except OSError as error:
                reason = getattr(error, "reason", None) or error
                raise RemoteUnavailableError(
                    f"{self.url} cannot be reached: {reason}. Check the address, and whether the service runs."
                ) from None
        raise AssertionError("each attempt returns or raises")


def _message(error: urllib.error.HTTPError) -> str:
    """Return the message of an error's envelope, or the beginning of another body."""
    body = error.read(1 << 20)
    try:
        content = json.loads(body)["error"]
        details = "; ".join(
            f"{detail['field']}: expected {detail['expected']}, got {detail['got']}"
            for detail in content.get("details", [])[:3]
        )
        return " ".join(part for part in (content["message"], details, _REMEDIES.get(error.code)) if part)
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}: {body[:_SHOWN_BYTES].decode(errors='replace')}".strip()


def _wait_s(retry_after: str | None, attempt: int) -> float:
    seconds = float(retry_after) if retry_after is not None and retry_after.isdigit() else 0.5 * 2**attempt
    return min(seconds, LONGEST_WAIT_S)
