"""A real ``bentoml serve`` with gRPC: workers share the port, a drain loses no call, and a start that cannot work fails."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import grpc
import httpx
import pytest

from serving.protocols.grpc.servicer import SERVICE
from tests.servers import wait_until
from tests.serving.protocols.grpc.grpc_service import typed_request
from tests.test_start import END_S, failed_start, started
from tools.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_servers")]
MESSAGE = typed_request().SerializeToString()


def _environment(home: Path, model: str, port: int, workers: int = 1) -> dict[str, str]:
    return {
        "BENTOML_HOME": str(home),
        "TABENTO_MODEL": model,
        "TABENTO_WORKERS": str(workers),
        "TABENTO_GRPC_PORT": str(port),
    }


def _infer(channel: grpc.Channel) -> str:
    """Call ``ModelInfer``, and return the prefix of its request id: each worker has its own."""
    _, state = channel.unary_unary(f"/{SERVICE}/ModelInfer").with_call(MESSAGE, timeout=30)
    return str(dict(state.trailing_metadata())["x-request-id"]).partition("-")[0]


def _connect(port: int) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),))


def test_all_workers_share_the_port(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Connections are distributed over the workers, and the metrics of any worker have the calls of all."""
    port = free_port()
    with started(tmp_path, _environment(session_store, linear_bundle, port, workers=2)) as service:
        wait_until(service.is_ready, "the service to get ready")
        prefixes: set[str] = set()
        n_calls = 0

        def has_reached_both() -> bool:
            nonlocal n_calls
            with _connect(port) as channel:
                prefixes.add(_infer(channel))
            n_calls += 1
            return len(prefixes) == 2

        wait_until(has_reached_both, "both workers to answer")

        def count() -> float:
            lines = httpx.get(f"{service.address}/metrics", timeout=30).text.splitlines()
            return sum(float(line.rpartition(" ")[2]) for line in lines if 'route="grpc ModelInfer"' in line)

        wait_until(lambda: count() == n_calls, "the calls of both workers in the metrics")
        code, last = failed_start(tmp_path, _environment(session_store, linear_bundle, port))
        assert code == 1
        assert f"grpc_port {port} of 127.0.0.1 is in use" in last


def test_a_taken_port_ends_the_start(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """If another program listens on the port, the service ends with the port in its last line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, last = failed_start(tmp_path, _environment(session_store, linear_bundle, port))
    assert code == 1
    assert f"grpc_port {port} of 127.0.0.1 is in use" in last


def test_sigterm_under_load_loses_no_call(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Calls are answered after SIGTERM until the port closes, further ones are UNAVAILABLE, and the service ends with exit code 0.

    In the moment in which the port closes, gRPC cancels calls that it has not handed to the service: at most one a client.
    """
    port = free_port()
    environment = _environment(session_store, linear_bundle, port) | {"TABENTO_DRAIN_S": "1"}
    codes: list[grpc.StatusCode] = []
    n_answers = n_late_answers = 0
    stop, leaving = threading.Event(), threading.Event()
    is_leaving = leaving.is_set

    def call_until_the_end() -> None:
        nonlocal n_answers, n_late_answers
        with _connect(port) as channel:
            while not stop.is_set():
                try:
                    _infer(channel)
                except grpc.RpcError as error:
                    codes.append(error.code())
                    return  # the port is closed
                n_answers += 1
                n_late_answers += is_leaving()

    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        threads = [threading.Thread(target=call_until_the_end) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: n_answers > 50, "the load")
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not service.is_ready(), "readyz to fail")
        leaving.set()
        assert service.process.wait(END_S) == 0
        for thread in threads:
            thread.join(END_S)
        stop.set()
        log = service.log.read_text(encoding="utf-8")
    assert n_late_answers > 0
    assert len(codes) == len(threads)
    n_cancelled = codes.count(grpc.StatusCode.CANCELLED)
    assert codes.count(grpc.StatusCode.UNAVAILABLE) == len(codes) - n_cancelled
    assert n_cancelled <= len(threads)
    assert "Traceback" not in log
