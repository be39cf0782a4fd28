"""Requests of commands to a running service."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import click

KEY_VARIABLE = "TABENTO_API_KEY"
"""The environment variable with the API key of the commands; a key on the command line would be seen by other users."""
DEFAULT_URL = "http://127.0.0.1:3000"
TIMEOUT_S = 60.0
ATTEMPTS = 8
LONGEST_WAIT_S = 30.0


class ServiceClient:
    """A client of one service, which repeats requests that were refused for a while.

    Args:
        url: the service's address.

    Raises:
        click.BadParameter: the address is not an address of HTTP.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise click.BadParameter(f"expected an address such as {DEFAULT_URL}, got {url!r}", param_hint="--url")
        self._url = url.rstrip("/")
        self._headers = {"content-type": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            self._headers["x-api-key"] = key

    def get(self, path: str, query: dict[str, str]) -> Any:
        """Return the content of a route.

        Raises:
            click.ClickException: the service refuses the request or cannot be reached.
        """
        return self._ask(f"{path}?{urllib.parse.urlencode(query)}", None)

    def post(self, path: str, content: object) -> Any:
        """Return the answer to JSON; raises as ``get`` does."""
        return self._ask(path, json.dumps(content).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self._url + path, body, self._headers)  # noqa: S310 - HTTP only, see above
        reason = ""
        for attempt in range(ATTEMPTS):
            wait_s = min(2.0**attempt / 2, LONGEST_WAIT_S)
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                    return json.loads(response.read())
            except urllib.error.HTTPError as error:
                reason = _message(error)
                if error.code not in (429, 503):
                    raise click.ClickException(f"The service refused {path.partition('?')[0]}: {reason}") from None
                wait_s = _retry_after_s(error.headers.get("retry-after"), wait_s)
            except (OSError, ValueError) as error:
                reason = str(getattr(error, "reason", None) or error)
            if attempt + 1 < ATTEMPTS:
                time.sleep(wait_s)
        raise click.ClickException(f"The service did not answer after {ATTEMPTS} attempts: {reason}")


def _message(error: urllib.error.HTTPError) -> str:
    try:
        content = json.loads(error.read())["error"]
        details = "; ".join(
            f"item {detail['row']}, {detail['field']}: expected {detail['expected']}, got {detail['got']}"
            for detail in content.get("details", [])[:3]
        )
        return f"{content['message']} {details}".strip()
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"


def _retry_after_s(header: str | None, default_s: float) -> float:
    return min(float(header), LONGEST_WAIT_S) if header is not None and header.isdigit() else default_s
