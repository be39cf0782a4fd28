"""The last source: the files of a registered version, from an MLflow server by its REST interface; MLflow itself is not imported.

The registry also knows the checksum of each bundle's manifest. The tags of a version are those that training writes, see
``training/registry/version.py``: ``bundle``, ``manifest_sha256`` and ``artifact_path``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout.cascade.errors import MissingBundleError, RefusedBundleError, SourceError, TemporarySourceError
from rollout.cascade.local_store import split_tag
from rollout.cascade.source import CHUNK_BYTES
from tabento.remote.addresses import describe_error, public_address
from tabento.remote.breakers import breaker_of

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0
"""The seconds for a connection, and between two pieces of an answer."""
_ANSWER_BYTES = 4 << 20
"""The largest answer in JSON: a version's description has at most 5,000 characters."""
_FOLDER = "bundle"
"""The folder of the bundle in a registered version's artifacts."""
_VERSIONS_LIMIT = 10_000
"""The number of registered versions that are remembered."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY_STATUS = (408, 425, 429)


@dataclass(frozen=True)
class RegisteredBundle:
    """A bundle as the registry describes it."""

    manifest_sha256: str | None
    """The checksum of ``MANIFEST.json``; None if the version was registered without it."""
    run_id: str
    path: str
    """The path of the bundle's files among the artifacts of the run."""


class RegistryFiles:
    """The bundles of an MLflow server.

    Args:
        url: the address of the server.
        token: the bearer token; None without one.
    """

    kind = "registry"

    def __init__(self, url: str, token: str | None = None) -> None:
        self.name = public_address(url)
        self.breaker = breaker_of(url)
        self._url = url.rstrip("/")
        self._token = token
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()
        self._versions: dict[str, RegisteredBundle] = {}
        """The registered versions by the bundle's tag: a version's files never change."""

    def prepare(self) -> None:
        """Import the library and read the certificates.

        Raises:
            SourceError: the library cannot be used.
        """
        with self._session():
            pass

    def find(self, tag: str) -> RegisteredBundle:
        """Return the registered version of a bundle.

        Raises:
            MissingBundleError: the registry answered, and the bundle is not registered.
            SourceError: the registry failed.
        """
        with self._session() as client:
            return self._find(client, tag)

    def known_version(self, tag: str) -> RegisteredBundle | None:
        """Return the registered version of a bundle if it was asked for before; the registry is not asked."""
        return self._versions.get(tag)

    def list_files(self, tag: str) -> Mapping[str, int | None]:
        """Return the names of a bundle's files with their bytes.

        Raises:
            SourceError: the registry does not have the bundle, or failed.
        """
        with self._session() as client:
            version = self._find(client, tag)
            answer = _json(client, "/api/2.0/mlflow/artifacts/list", {"run_id": version.run_id, "path": version.path})
            with _parsing():
                return {
                    str(file["path"]).rpartition("/")[2]: None if (size := file.get("file_size")) is None else int(size)
                    for file in answer.get("files", [])
                    if not file.get("is_dir")
                }

    def read_file(self, tag: str, file: str) -> Iterator[bytes]:
        """Yield the content of a file in pieces.

        Raises:
            SourceError: the registry failed.
        """
        with self._session() as client:
            version = self._find(client, tag)
            parameters = {"run_uuid": version.run_id, "path": f"{version.path}/{file}"}
            with client.stream("GET", "/get-artifact", params=parameters) as response:
                _check_status(response, "its artifacts")
                yield from response.iter_bytes(CHUNK_BYTES)

    def _find(self, client: httpx.Client, tag: str) -> RegisteredBundle:
        if (version := self._versions.get(tag)) is not None:
            return version
        name, _ = split_tag(tag)
        # `split_tag` allows no quotes, so a tag cannot change the filter.
        condition = f"name = '{name}' AND tags.`bundle` = '{tag}'"
        answer = _json(client, "/api/2.0/mlflow/model-versions/search", {"filter": condition, "max_results": "10"})
        with _parsing():
            for entry in answer.get("model_versions", []):
                tags = {pair["key"]: pair["value"] for pair in entry.get("tags", [])}
                if tags.get("bundle") != tag or "artifact_path" not in tags or not entry.get("run_id"):
                    continue
                checksum = tags.get("manifest_sha256")
                if checksum is not None and not _SHA256.fullmatch(checksum):
                    raise RefusedBundleError(f"its tag manifest_sha256 is not a checksum: {checksum[:100]!r}")
                if len(self._versions) >= _VERSIONS_LIMIT:
                    self._versions.clear()
                version = RegisteredBundle(checksum, str(entry["run_id"]), f"{tags['artifact_path']}/{_FOLDER}")
                self._versions[tag] = version
                return version
        raise MissingBundleError("the bundle is not registered there")

    @contextmanager
    def _session(self) -> Iterator[httpx.Client]:
        """Yield the client, and raise its errors as errors of a source."""
        try:
            import httpx
        except ImportError as error:
            raise SourceError(f"httpx cannot be imported ({error}): install the group `rollout`") from error
        with self._lock:
            if self._client is None:
                # Reading the certificates takes 40 ms, so there is one client. It keeps no connection between two requests.
                headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
                limits = httpx.Limits(max_keepalive_connections=0)
                self._client = httpx.Client(headers=headers, timeout=TIMEOUT_S, base_url=self._url, limits=limits)
        try:
            yield self._client
        except httpx.HTTPError as error:
            raise TemporarySourceError(describe_error(error)) from error


def _json(client: httpx.Client, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer of the server to a question.

    Raises:
        SourceError: the answer is an error, too large, or not a JSON object.
    """
    content = bytearray()
    with client.stream("GET", path, params=dict(parameters)) as response:
        _check_status(response, "the registry")
        for piece in response.iter_bytes():
            content += piece
            if len(content) > _ANSWER_BYTES:
                raise SourceError(f"its answer has more than {_ANSWER_BYTES} bytes")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SourceError("its answer is not JSON of MLflow's REST interface; is the address that of an MLflow server?")
    return answer


def _check_status(response: httpx.Response, part: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if status >= 500 or status in _TEMPORARY_STATUS:
        raise TemporarySourceError(f"{part} answered {status}")
    if status in (401, 403):
        raise SourceError(f"{part} answered {status}: check `rollout_registry_token`")
    raise SourceError(f"{part} answered {status}")


@contextmanager
def _parsing() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"its answer is not that of MLflow's REST interface ({describe_error(error)})") from error
