"""A client of MLflow's REST interface that only reads; MLflow itself is not imported.

Each answer has limits of time and size, and all calls of a process to a server share its circuit breaker. If the server, or a proxy
before it, sends an ETag, the next question has it, and an answer 304 stands for the former content.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabento.bundle.numbers import number_text
from tabento.remote.addresses import describe_error, public_address
from tabento.remote.breakers import breaker_of
from tabento.remote.errors import RemoteUnavailableError

if TYPE_CHECKING:
    import httpx

API = "/api/2.0/mlflow/"
TIMEOUT_S = 5.0
"""The seconds for a connection, and between two pieces of an answer."""
ANSWER_TIMEOUT_S = 20.0
"""The seconds within which a whole answer must arrive."""
MAX_ANSWER_BYTES = 4 << 20
"""The largest answer: a page of models has the newest version of each, with a description of up to 5,000 characters."""
ETAGS_LIMIT = 1_000
"""The number of answers that are kept for their ETag."""
_MISSING = "RESOURCE_DOES_NOT_EXIST"


class RegistryUnavailableError(RemoteUnavailableError):
    """The registry failed, did not answer in time, or is not asked now."""


class RegistryClient:
    """A client of one server. Its methods block; one thread at a time uses it.

    Args:
        url: the address of the server; a user and password in it are sent as basic authentication.
        token: the bearer token; None without one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.address = public_address(url)
        """The address without user and password, for messages."""
        self.breaker = breaker_of(url)
        self._url = url.rstrip("/")
        self._token = token
        self._client: httpx.Client | None = None
        self._answers: OrderedDict[str, tuple[str, dict[str, Any]]] = OrderedDict()
        """The ETag and the content of former answers, by the question; the last used one is the last."""

    def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the answer to a question; None if the server does not have the thing.

        Args:
            path: the path below ``/api/2.0/mlflow/``.
            parameters: the parameters of the query.

        Raises:
            RegistryUnavailableError: the server failed, refused, or answered something else; or its breaker is open.
        """
        if not self.breaker.allows():
            raise RegistryUnavailableError(
                f"the registry {self.address} is not asked for {self.breaker.retry_after_s():.0f} s after"
                f" {self.breaker.failures} failures; the last: {self.breaker.reason}"
            )
        try:
            answer = self._ask(path, parameters)
        except RegistryUnavailableError as error:
            self.breaker.failed(str(error))
            raise
        self.breaker.succeeded()
        return answer

    def prepare(self) -> httpx.Client:
        """Import the library and read the certificates, which takes some 200 ms; later calls take no time.

        Raises:
            RegistryUnavailableError: the library is not installed.
        """
        if self._client is not None:
            return self._client
        try:
            import httpx
        except ImportError as error:
            raise self._error(
                f"cannot be asked, because httpx cannot be imported ({error}): install the group `rollout`"
            ) from error
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        # No connection is kept until the next poll.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=self._url, headers=headers, timeout=TIMEOUT_S, limits=limits)
        return self._client

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        client = self.prepare()
        import httpx

        question = f"{path}?{json.dumps(dict(parameters), sort_keys=True)}"
        former = self._answers.get(question)
        try:
            # A redirect is not followed: it could carry the token to another server.
            with client.stream(
                "GET",
                API + path,
                params=dict(parameters),
                headers={} if former is None else {"If-None-Match": former[0]},
            ) as response:
                status, etag = response.status_code, response.headers.get("etag")
                content = self._content(response)
        except httpx.HTTPError as error:
            raise self._error(f"does not answer: {describe_error(error)}") from error
        if status == 304 and former is not None:
            self._answers.move_to_end(question)
            return former[1]
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if status == 404 and isinstance(answer, dict) and answer.get("error_code") == _MISSING:
            return None
        if status != 200:
            remedy = ": check `rollout_registry_token`" if status in (401, 403) else ""
            raise self._error(f"answered {status}{remedy}")
        if not isinstance(answer, dict):
            raise self._error(
                "did not answer JSON of MLflow's REST interface; is the address that of an MLflow server?"
            )
        self._keep(question, etag, answer)
        return answer

    def _content(self, response: httpx.Response) -> bytes:
        """Return the content of an answer within the limits of time and size."""
        content, end_s = bytearray(), time.monotonic() + ANSWER_TIMEOUT_S
        for piece in response.iter_bytes():
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise self._error(f"answered more than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > end_s:
                raise self._error(f"did not finish its answer within {number_text(ANSWER_TIMEOUT_S)} s")
        return bytes(content)

    def _keep(self, question: str, etag: str | None, answer: dict[str, Any]) -> None:
        if etag is None:
            self._answers.pop(question, None)
            return
        self._answers[question] = etag, answer
        self._answers.move_to_end(question)
        if len(self._answers) > ETAGS_LIMIT:
            self._answers.popitem(last=False)

    def _error(self, reason: str) -> RegistryUnavailableError:
        return RegistryUnavailableError(f"the registry {self.address} {reason}")
