"""The steps of a user, end to end: a trained bundle, ``bentoml serve``, a built Bento, requests over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import bentoml
import httpx
import numpy as np
import psutil
import pytest

from runners.session import OnnxSession
from serving.codec.decode import Decoder
from tabento.bundle.store import load_bundle
from tabento.tables.frames import to_frame, to_rows
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.conftest import bentoml_home
from tests.orchard_rows import orchard_rows
from tests.servers import wait_until
from tools.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BENTOML = str(Path(sys.executable).with_name("bentoml"))
RELATIVE_LIMIT = 1e-9
"""The largest relative difference between service, bundle and pipeline; only the order of additions causes differences."""

TRAINING_LIBRARIES = ("sklearn", "pandas", "skl2onnx", "onnx", "pandera", "scipy", "matplotlib", "joblib", "training")

TRAINING_BLOCKER = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING_LIBRARIES!r}:
            raise ModuleNotFoundError(f"{{name}} is not part of the service", name=name)

sys.meta_path.insert(0, Refuse())
"""


def _ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server ended with {process.returncode} before it was ready")
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _serving(arguments: list[str], log: Path, **environment: str) -> Iterator[str]:
    """Run ``bentoml serve`` in a process of its own, without the training libraries, and yield its address."""
    port = free_port()
    blocker = log.parent / "blocker"
    blocker.mkdir(exist_ok=True)
    (blocker / "sitecustomize.py").write_text(TRAINING_BLOCKER, encoding="utf-8")
    command = [BENTOML, "serve", *arguments, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A busy computer must not cause refusals here: these tests are not about the latency limit.
            env={**os.environ, "PYTHONPATH": str(blocker), "TABENTO_SLO_P99_MS": "60000", **environment},
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _ready(address, process), f"{' '.join(command)} to get ready:\n{log.read_text()}")
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """A thousand rows that the tiny model was not trained on, as a client sends them."""
    return orchard_rows(1000)


def test_service_bundle_and_pipeline_agree(
    session_store: Path, orchard_bundle: str, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """The service, the loaded bundle and the scikit-learn pipeline answer the same numbers for a thousand rows."""
    with bentoml_home(session_store):
        bundle = load_bundle(orchard_bundle)
        contract = bundle.contract
        decoded = Decoder(contract, len(rows)).decode(json.dumps({"instances": rows}).encode())
        matrix = np.frombuffer(decoded.data).reshape(decoded.count, -1)
        from_bundle = np.array(OnnxSession(bundle.model_path, len(contract.features)).run(matrix))
        tag = bundle.manifest.provenance.pipeline_tag
        assert tag is not None
        pipeline = bentoml.sklearn.load_model(tag)
        from_pipeline = pipeline.predict(to_frame(matrix, contract))
        with (
            _serving(["service:Tabento", "--arg", f"model={orchard_bundle}"], tmp_path / "log") as address,
            httpx.Client(base_url=address, timeout=60) as client,
        ):
            from_service = np.array(client.post("/predict", json={"instances": rows}).json()["predictions"])
            single_row_answer = client.post("/predict", json=rows[7]).json()
    np.testing.assert_allclose(from_bundle, from_pipeline, rtol=RELATIVE_LIMIT)
    np.testing.assert_array_equal(from_service, from_bundle)
    assert single_row_answer["prediction"] == pytest.approx(from_service[7], rel=RELATIVE_LIMIT)
    assert f"{single_row_answer['model']}:{single_row_answer['version']}" == orchard_bundle


def test_the_training_libraries_cannot_be_imported(tmp_path: Path) -> None:
    """The servers of this file run with an import hook that refuses each training library, so they prove that serving needs none."""
    (tmp_path / "sitecustomize.py").write_text(TRAINING_BLOCKER, encoding="utf-8")
    for library in TRAINING_LIBRARIES:
        process = subprocess.run(
            [sys.executable, "-c", f"import {library}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert f"{library} is not part of the service" in process.stderr


def test_rows_survive_the_conversion_to_frames_and_back(session_store: Path, orchard_bundle: str) -> None:
    """Packed rows of a request become a frame and the same packed rows again, so the proof of parity used the rows of requests."""
    with bentoml_home(session_store):
        bundle = load_bundle(orchard_bundle)
    body = json.dumps({"instances": list(bundle.examples)}).encode()
    decoded = Decoder(bundle.contract, len(bundle.examples)).decode(body)
    matrix = np.frombuffer(decoded.data).reshape(decoded.count, -1)
    np.testing.assert_array_equal(to_rows(to_frame(matrix, bundle.contract), bundle.contract), matrix)


def _bentoml(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BENTOML, *arguments], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120
    )


def test_a_bento_holds_one_bundle_and_answers_the_same(
    session_store: Path, orchard_bundle: str, linear_bundle: str, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """A Bento contains only the bundle for which it was built, needs no training library, and serves that bundle."""
    with bentoml_home(session_store):
        built = _bentoml("build", "--arg", f"model={orchard_bundle}", "-o", "tag")
        assert built.returncode == 0, built.stdout + built.stderr
        tag = built.stdout.strip().rpartition("__tag__:")[2]
        bento = bentoml.bentos.get(tag)
        assert [str(model.tag) for model in bento.info.all_models] == [orchard_bundle]
        packed = Path(bento.path)
        assert not list(packed.glob("src/training*")) + list(packed.glob("src/tests*"))
        assert "scikit-learn" not in (packed / "env/python/requirements.txt").read_text(encoding="utf-8")
        with _serving([tag], tmp_path / "log") as address:
            answer = httpx.post(f"{address}/predict", json=rows[0], timeout=60).json()
            model = httpx.get(f"{address}/model", timeout=60).json()
        assert f"{answer['model']}:{answer['version']}" == orchard_bundle != linear_bundle
        assert model["synthetic_data"] is True
        expected = json.loads(json.dumps(model["examples"][0]))
        assert set(expected) <= set(rows[0])


def test_a_missing_model_is_an_error_with_its_remedy(model_store: Path) -> None:
    """Build and serve end with an error if there is no bundle; the message names the command that trains one."""
    for command in (["build"], ["serve"]):
        process = _bentoml(*command, TABENTO_MODEL="pear")
        assert process.returncode != 0
        assert "make train MODEL=pear" in process.stdout + process.stderr


def test_a_stopping_service_answers_until_its_port_closes(
    session_store: Path, linear_bundle: str, tmp_path: Path
) -> None:
    """After SIGTERM readyz fails, new predictions are answered and close their connections; an accepted request is answered."""
    with (
        bentoml_home(session_store),
        _serving(
            ["service:Tabento", "--arg", f"model={linear_bundle}"], tmp_path / "log", TABENTO_DRAIN_S="3"
        ) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        worker = _worker_of(address)
        host, port = address.removeprefix("http://").split(":")
        body = json.dumps({"instances": [TREE] * 500}).encode()
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode() + body[:-1])
            wait_until(
                lambda: "tabento_in_flight_requests 1.0" in client.get("/metrics").text, "the request to be accepted"
            )
            os.kill(worker, signal.SIGTERM)
            wait_until(lambda: client.get("/readyz").status_code == 503, "readyz to fail")
            answer = client.post("/predict", json=TREE)
            assert answer.status_code == 200
            assert answer.headers["connection"] == "close"
            assert client.get("/livez").status_code == 200
            connection.sendall(body[-1:])
            received = b""
            while b"request_id" not in received:
                received += connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        assert received.count(str(linear_answer(TREE, orchard_contract())).encode()) == 500


def test_a_stopping_service_abandons_no_connection(session_store: Path, linear_bundle: str, tmp_path: Path) -> None:
    """From SIGTERM until the process has ended, each new connection is answered or refused.

    One connection can be reset: the kernel accepts connections before the server sees them, and the port can close in between.
    The client connects repeatedly, one connection at a time, so it never sees a second reset.
    """
    resets: list[str] = []
    n_answered = n_refused = 0
    with bentoml_home(session_store), ExitStack() as stack:
        arguments = ["service:Tabento", "--arg", f"model={linear_bundle}"]
        address = stack.enter_context(_serving(arguments, tmp_path / "log", TABENTO_DRAIN_S="0.5"))
        host, port = address.removeprefix("http://").split(":")
        os.kill(psutil.Process(_worker_of(address)).ppid(), signal.SIGTERM)
        while n_refused < 100:
            try:
                connection = socket.create_connection((host, int(port)), timeout=30)
            except ConnectionRefusedError:
                n_refused += 1
                continue
            with connection:
                try:
                    connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    received = connection.recv(65536)
                except OSError as error:
                    resets.append(repr(error))
                    continue
            if received.startswith(b"HTTP/1.1 200"):
                n_answered += 1
            else:
                resets.append(repr(received))
    assert n_answered > 0
    assert len(resets) <= 1


def _worker_of(address: str) -> int:
    """Return the process id of the worker of a service at an address."""
    port = address.rpartition(":")[2]
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if f"--port {port}" in line and "bentoml" in line:
            (worker,) = process.children()
            return int(worker.pid)
    raise LookupError(f"no server at {address}")
