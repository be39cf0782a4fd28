"""The proof of an image: it starts as a careful platform runs it, becomes ready, gives the answers of its bundles on this host to a
caller with an API key and to no other caller, counts them in its metrics, and ends with status 0 after SIGTERM.

The rows are the bundles' own examples, so any Bento can be proved; the expected answers come from the same bundles,
loaded in this process.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bentoml

from deploy.container import Container, RunOptions, run_container
from deploy.engine import PYTHON, Engine
from deploy.errors import ImageError
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle
from tabento.keys.changes import create_key
from tabento.keys.inline import inline_entry
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret

READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 45.0
REQUEST_TIMEOUT_S = 30.0
BUSY_DEADLINE_S, BUSY_WAIT_S = 20.0, 0.5

RELATIVE_TOLERANCE = 1e-9
"""The tolerance between image and host: the graph is the same, but the processor may differ."""

FORBIDDEN = ("sklearn", "pandas", "onnx", "skl2onnx", "training", "pip", "uv")
"""Packages that a serving image must not be able to import."""

_LOOK_INSIDE = (
    "import importlib.util, json, os, sys; sys.path.insert(0, 'src');"
    " print(json.dumps([os.getuid(), [name for name in sys.argv[1:] if importlib.util.find_spec(name)]]))"
)
_OWN_FIELDS = frozenset({"request_id", "model", "version"})
"""The fields of an answer that name the request and the version, not the prediction."""


@dataclass(frozen=True)
class Proof:
    """The results of a proof."""

    user: int
    """The user id that the service runs as."""
    ready_s: float
    """Seconds from the start of the container to the first 200 of ``/readyz``."""
    models: tuple[str, ...]
    """The tags of the models that answered."""
    rows: int
    """The number of predictions that agreed with this host's."""
    stop_s: float
    """Seconds from SIGTERM to the end."""

    def __str__(self) -> str:
        return (
            f"runs as user {self.user} with a read-only root, without {', '.join(FORBIDDEN)}; ready after {self.ready_s:.1f} s;"
            f" {self.rows} predictions of {', '.join(self.models)} as here, none without a key; ended {self.stop_s:.1f} s after"
            " SIGTERM with status 0"
        )


def check_inside(report: str) -> int:
    """Return the user id from a container's report about itself.

    Raises:
        ImageError: it runs as root, or can import packages for training.
    """
    try:
        user, importable = json.loads(report.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise ImageError(f"expected a report of the image about itself, got {report[-500:]!r}.") from error
    if user == 0:
        raise ImageError("the image runs as root; expected a user of its own. Was its Dockerfile's USER changed?")
    if importable:
        raise ImageError(
            f"the image can import {', '.join(importable)}; expected none of {', '.join(FORBIDDEN)}."
            " Look into `include` of bentofile.yaml and requirements/serving.txt."
        )
    return int(user)


def difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """Return the first difference between two answers as text; None if they agree.

    Numbers agree within ``RELATIVE_TOLERANCE``; the fields that name request and version are not compared.

    Args:
        expected: the answer of this host.
        actual: the answer of the image.
        path: the place of both in the whole answer.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = expected.keys() - _OWN_FIELDS
        if names != actual.keys() - _OWN_FIELDS:
            return f"{path or 'the answer'}: expected the fields {sorted(names)}, got {sorted(actual.keys() - _OWN_FIELDS)}"
        pairs: Sequence[tuple[Any, Any, str]] = [
            (expected[name], actual[name], f"{path}.{name}".lstrip(".")) for name in expected if name in names
        ]
    elif isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        if len(expected) != len(actual):
            return f"{path}: expected {len(expected)} values, got {len(actual)}"
        pairs = [(left, right, f"{path}[{i}]") for i, (left, right) in enumerate(zip(expected, actual, strict=True))]
    else:
        are_floats = isinstance(expected, float) and isinstance(actual, float | int)
        if math.isclose(expected, actual, rel_tol=RELATIVE_TOLERANCE) if are_floats else expected == actual:
            return None
        return f"{path}: expected {expected!r}, got {actual!r}"
    return next((text for pair in pairs if (text := difference(*pair)) is not None), None)


def check_answers(tag: str, expected: dict[str, Any], answer: dict[str, Any]) -> None:
    """Compare the answer of an image with the answer of the bundle on this host.

    Raises:
        ImageError: they differ.
    """
    if text := difference(expected, answer):
        raise ImageError(
            f"{tag}: the image answers otherwise than the bundle on this host: {text}. Build Bento and image again: `make image`."
        )


def is_ready(address: str) -> bool:
    """Return whether the service at an address accepts predictions."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def check_refusal(address: str, body: bytes) -> None:
    """Check that a request without an API key is refused.

    Raises:
        ImageError: it is answered in another way.
    """
    status, _ = request(f"{address}/predict", body)
    if status != 401:
        raise ImageError(
            f"expected status 401 without an API key, got {status}. Does the image contain `serving/guards`?"
        )


def check_metrics(page: str, n_predictions: int) -> None:
    """Check that the metrics count the predictions of this proof.

    Raises:
        ImageError: they do not.
    """
    lines = [line for line in page.splitlines() if line.startswith("tabento_model_rows_total{")]
    count = sum(float(line.rpartition(" ")[2]) for line in lines)
    if count != n_predictions:
        raise ImageError(f"expected {n_predictions} predictions in /metrics of the image, got {count:g}.")


def request(address: str, body: bytes | None = None, secret: str | None = None) -> tuple[int, bytes]:
    """Return the status and the body of a response; a request with a body is a POST of JSON.

    Raises:
        ImageError: there is no response.
    """
    headers = {} if secret is None else {"X-API-Key": secret}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, body, headers), timeout=REQUEST_TIMEOUT_S
        ) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        raise ImageError(f"expected a response of {address}, got {error!r}. The container's log says more.") from error


def predictions(address: str, body: bytes, secret: str) -> dict[str, Any]:
    """Return the answer to a prediction request.

    Raises:
        ImageError: it is not answered with 200 and an object of JSON.
    """
    # A service on a busy computer refuses requests that it cannot answer in time, and says so.
    pause, deadline_s = threading.Event(), time.monotonic() + BUSY_DEADLINE_S
    status, content = request(address, body, secret)
    while status == 503 and time.monotonic() < deadline_s:
        pause.wait(BUSY_WAIT_S)
        status, content = request(address, body, secret)
    if status != 200:
        raise ImageError(
            f"expected predictions of {address}, got status {status}: {content.decode(errors='replace')[:500]}"
        )
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise ImageError(f"expected JSON of {address}, got {content[:500]!r}") from error
    if not isinstance(answer, dict):
        raise ImageError(f"expected an object of {address}, got {content[:500]!r}")
    return answer


def _load(bento: bentoml.Bento) -> list[Bundle]:
    """Return the bundles of a Bento, the default model first."""
    tags = [str(model.tag) for model in bento.info.all_models]
    if not tags:
        raise ImageError(f"expected a bundle in {bento.tag}, got none. Build it with `make bento`.")
    try:
        return [load_bundle(tag) for tag in tags]
    except BundleError as error:
        raise ImageError(str(error)) from error


def _compare(container: Container, bundles: list[Bundle], secret: str) -> int:
    """Compare the answers to all examples of all bundles; return their number."""
    rows = 0
    for index, bundle in enumerate(bundles):
        body = json.dumps({"instances": bundle.examples}).encode()
        expected = ServedModel(bundle, ServingSettings()).predict(body)
        paths = [f"/models/{bundle.name}/predict", *(["/predict"] if index == 0 else [])]
        for path in paths:
            check_answers(bundle.tag, expected, predictions(f"{container.address}{path}", body, secret))
            rows += len(bundle.examples)
    return rows


def prove(engine: Engine, image: str, bento: bentoml.Bento) -> Proof:
    """Start an image and compare its answers with its bundles' answers in this process.

    Raises:
        ImageError: it does not start, get ready, answer the same, count its answers or end with status 0; or it runs as root or has
            forbidden packages.
    """
    bundles = _load(bento)
    secret = new_secret()
    record = create_key((), secret, owner="proof", scopes=["predict", "read"], now=utc_now())
    options = RunOptions(environment={"TABENTO_API_KEYS": inline_entry(record)})
    with run_container(engine, image, options) as container:
        ready_s = container.wait_for_start(lambda: is_ready(container.address), READY_DEADLINE_S)
        user = check_inside(container.execute(PYTHON, "-c", _LOOK_INSIDE, *FORBIDDEN).stdout)
        try:
            rows = _compare(container, bundles, secret)
            check_refusal(container.address, json.dumps(bundles[0].examples[0]).encode())
            check_metrics(request(f"{container.address}/metrics", secret=secret)[1].decode(), rows)
        except ImageError as error:
            raise ImageError(container.with_log(str(error))) from error
        started_s = time.monotonic()
        container.send(signal.SIGTERM)
        code = container.wait_for_end(STOP_DEADLINE_S)
        stop_s = time.monotonic() - started_s
        if code != 0:
            raise ImageError(container.with_log(f"expected status 0 after SIGTERM, got {code}"))
    return Proof(user, ready_s, tuple(bundle.tag for bundle in bundles), rows, stop_s)
