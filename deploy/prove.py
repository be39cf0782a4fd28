"""The proof of an image: the image starts, becomes ready, gives the answers of the bundle on this host to a caller with an API
key and to no other caller, and ends after SIGTERM.

The rows are the bundle's own examples, so any Bento can be proved; the expected answers come from the same bundle,
loaded in this process.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
import psutil

from deploy.command import run_command
from deploy.engine import ENTRYPOINT, SERVICE_PORT, Engine
from deploy.errors import ImageError
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle
from tabento.keys.changes import create_key
from tabento.keys.inline import inline_entry
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret
from tools.ports import free_port

READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 30.0

RELATIVE_TOLERANCE = 1e-9
"""The tolerance between image and host: the graph is the same, but the processor may differ."""

FORBIDDEN = ("sklearn", "pandas", "onnx", "skl2onnx", "training")
"""Packages that a serving image must not be able to import."""

_LOOK_INSIDE = (
    "import importlib.util, json, os, sys; sys.path.insert(0, 'src');"
    " print(json.dumps([os.getuid(), [name for name in sys.argv[1:] if importlib.util.find_spec(name)]]))"
)


@dataclass(frozen=True)
class Proof:
    """The results of a proof."""

    user: int
    """The user id that the service runs as."""
    ready_s: float
    """Seconds from the start of the container to the first 200 of ``/readyz``."""
    rows: int
    """The number of predictions that agreed with this host's."""
    stop_s: float
    """Seconds from SIGTERM to the end."""

    def __str__(self) -> str:
        return (
            f"runs as user {self.user} without {', '.join(FORBIDDEN)}; ready after {self.ready_s:.1f} s;"
            f" {self.rows} predictions as here, none without a key; ended {self.stop_s:.1f} s after SIGTERM"
        )


def check_inside(report: str) -> int:
    """Return the user id from a container's report about itself.

    Raises:
        ImageError: it runs as root, or can import packages for training.
    """
    user, importable = json.loads(report.splitlines()[-1])
    if user == 0:
        raise ImageError("the image runs as root; expected a user of its own. Was its Dockerfile's USER changed?")
    if importable:
        raise ImageError(
            f"the image can import {', '.join(importable)}; expected none of {', '.join(FORBIDDEN)}."
            " Look into `include` of bentofile.yaml and requirements/serving.txt."
        )
    return int(user)


def check_answers(expected: list[float], answer: dict[str, Any]) -> None:
    """Compare an answer's predictions with the expected ones.

    Raises:
        ImageError: their number or one of them differs.
    """
    predictions = answer.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != len(expected):
        raise ImageError(f"expected {len(expected)} predictions from the image, got {json.dumps(answer)[:500]}.")
    for row, (local, remote) in enumerate(zip(expected, predictions, strict=True)):
        if not math.isclose(local, remote, rel_tol=RELATIVE_TOLERANCE):
            raise ImageError(
                f"example {row}: expected {local!r}, the answer of the bundle on this host, got {remote!r} from the image."
                " Build Bento and image again: `make image`."
            )


def find_server(process: psutil.Process) -> psutil.Process:
    """Return the process to which a stop signal must be sent.

    An engine's client forwards signals. ``buildah run`` does not: it kills its child and leaves workers running.
    So the result is the first process below it that is not buildah's own.
    """
    if "buildah" not in process.name():
        return process
    servers = [child for child in process.children(recursive=True) if "buildah" not in " ".join(child.cmdline()[:1])]
    return servers[0] if servers else process


def wait_for(condition: Callable[[], bool], deadline_s: float, fault: Callable[[], str]) -> float:
    """Return the seconds until a condition became true.

    Raises:
        ImageError: it did not within ``deadline_s`` seconds; the text is the fault's.
    """
    start, pause = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - start > deadline_s:
            raise ImageError(f"{fault()} (waited {deadline_s:g} s)")
        pause.wait(0.05)
    return time.monotonic() - start


def _is_ready(address: str) -> bool:
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
    request = urllib.request.Request(f"{address}/predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        raise ImageError(f"expected status 401, got {error!r}. The container's log says more.") from error
    if status != 401:
        raise ImageError(
            f"expected status 401 without an API key, got {status}. Does the image contain `serving/guards`?"
        )


def _post(address: str, body: bytes, secret: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "X-API-Key": secret}
    request = urllib.request.Request(f"{address}/predict", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.loads(response.read())
    except urllib.error.HTTPError as error:
        raise ImageError(f"expected predictions, got status {error.code}: {error.read().decode()[:500]}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"expected predictions, got {error!r}. The container's log says more.") from error
    return answer


@contextmanager
def _container(engine: Engine, image: str, port: int, keys: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the command that looks inside an image and the one that serves it at a port, and remove the container afterwards.

    Args:
        engine: the engine.
        image: the image.
        port: a free port.
        keys: the value of ``TABENTO_API_KEYS``.
    """
    variable = f"TABENTO_API_KEYS={keys}"
    look = ["-c", _LOOK_INSIDE, *FORBIDDEN]
    if engine.name == "buildah":
        container = run_command([engine.name, "from", "--pull-never", image])
        # Chroot isolation shares this machine's network, so the service itself must use the loopback interface only.
        run = [engine.name, "run", "--isolation", "chroot", container, "--"]
        try:
            serve = [*run, "env", variable, ENTRYPOINT, "serve", "--host", "127.0.0.1", "--port", str(port)]
            yield [*run, "python", *look], serve
        finally:
            run_command([engine.name, "rm", container])
        return
    name = f"tabento-proof-{os.getpid()}"
    run = [engine.name, "run", "--rm"]
    try:
        yield (
            [*run, "--entrypoint", "python", image, *look],
            [*run, "--name", name, "-e", variable, "-p", f"127.0.0.1:{port}:{SERVICE_PORT}", image],
        )
    finally:
        subprocess.run([engine.name, "rm", "--force", name], capture_output=True, check=False)


def _load(bento: bentoml.Bento) -> Bundle:
    tags = [str(model.tag) for model in bento.info.all_models]
    if len(tags) != 1:
        raise ImageError(f"expected one bundle in {bento.tag}, got {tags}. Build it with `make bento`.")
    try:
        return load_bundle(tags[0])
    except BundleError as error:
        raise ImageError(str(error)) from error


def prove(engine: Engine, image: str, bento: bentoml.Bento) -> Proof:
    """Start an image and compare its answers with the bundle's answers in this process.

    Raises:
        ImageError: it does not start, get ready, answer the same or end; or it runs as root or has forbidden packages.
    """
    bundle = _load(bento)
    body = json.dumps({"instances": bundle.examples}).encode()
    expected = (ServedModel(bundle, ServingSettings()).predict(body))["predictions"]
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    secret = new_secret()
    record = create_key((), secret, owner="proof", scopes=["predict"], now=utc_now())
    with (
        _container(engine, image, port, inline_entry(record)) as (look, serve),
        tempfile.NamedTemporaryFile(suffix=".log") as log,
    ):

        def last_words(fault: str) -> str:
            return f"{fault}. The end of its log:\n{Path(log.name).read_text(errors='replace')[-2000:]}"

        user = check_inside(run_command(look))
        process = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        family: list[psutil.Process] = []
        try:
            ready_s = wait_for(
                lambda: process.poll() is not None or _is_ready(address),
                READY_DEADLINE_S,
                lambda: last_words("the container did not get ready"),
            )
            if process.poll() is not None:
                raise ImageError(
                    last_words(f"the container ended with status {process.returncode} before it was ready")
                )
            family = psutil.Process(process.pid).children(recursive=True)
            check_answers(expected, _post(address, body, secret))
            check_refusal(address, body)
            find_server(psutil.Process(process.pid)).send_signal(signal.SIGTERM)
            stop_s = wait_for(
                lambda: process.poll() is not None and not any(member.is_running() for member in family),
                STOP_DEADLINE_S,
                lambda: last_words("the container did not end after SIGTERM"),
            )
        finally:
            for member in [*(member for member in family if member.is_running()), process]:
                member.kill()
            process.wait()
    return Proof(user, ready_s, len(expected), stop_s)
