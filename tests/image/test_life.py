"""The life of a container: the port, HEALTHCHECK, signals, a lost worker and the exit code."""

from __future__ import annotations

import json
import signal
import socket

import httpx

from deploy.container import Container, RunOptions, read_image_config
from deploy.engine import PYTHON, SERVICE_PORT
from deploy.prove import is_ready
from tests.bundles import TREE
from tests.image.conftest import READY_DEADLINE_S, TestedImage
from tests.servers import wait_until

END_S = 45.0
_WORKER = (
    "import os; print(next(line for pid in os.listdir('/proc') if pid.isdigit() and pid != '1'"
    " for line in [pid] if open(f'/proc/{pid}/stat').read().split()[3] == '1'"
    " and open(f'/proc/{pid}/cmdline').read() == open('/proc/1/cmdline').read()))"
)
"""Prints the process id of the worker: a child of the first process with the same command line."""
_STATES = "import os; print(''.join(open(f'/proc/{pid}/stat').read().rpartition(') ')[2][0] for pid in os.listdir('/proc') if pid.isdigit()))"
"""Prints a letter for the state of each process, Z for a zombie."""


def _healthcheck(container: Container, image: TestedImage) -> tuple[int, str]:
    command = read_image_config(image.engine, image.name).healthcheck
    assert command
    result = container.execute(*command)
    return result.returncode, result.stdout.strip()


def _ready(container: Container) -> None:
    container.wait_for_start(lambda: is_ready(container.address), READY_DEADLINE_S)


def test_sigterm_drains(image: TestedImage) -> None:
    """After SIGTERM readyz and HEALTHCHECK fail, requests are answered until the port closes, and the exit code is 0."""
    options = RunOptions(environment={"TABENTO_DRAIN_S": "5"})
    with image.run(options=options) as container:
        _ready(container)
        assert _healthcheck(container, image) == (0, "ready")
        body = json.dumps(TREE).encode()
        head = (
            f"POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: {image.secret}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", container.port), timeout=30) as connection:
            connection.sendall(head.encode() + body[:-1])
            with httpx.Client(base_url=container.address, headers={"X-API-Key": image.secret}, timeout=30) as client:
                wait_until(lambda: "tabento_in_flight_requests 1.0" in client.get("/metrics").text, "the request")
                container.send(signal.SIGTERM)
                wait_until(lambda: client.get("/readyz").status_code == 503, "readyz to fail")
                answer = client.post("/predict", json=TREE)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
                status, text = _healthcheck(container, image)
                assert status == 1
                assert "503" in text
            connection.sendall(body[-1:])
            received = b""
            while b"request_id" not in received:
                received += connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        assert container.wait_for_end(END_S) == 0
        assert not any(record.get("level") in ("error", "critical") for record in container.records())


def test_sigint_ends_with_status_0(image: TestedImage) -> None:
    """Ctrl-C in a terminal is an orderly end, also for the first process of a container."""
    with image.run(options=RunOptions(environment={"TABENTO_DRAIN_S": "0"})) as container:
        _ready(container)
        container.send(signal.SIGINT)
        assert container.wait_for_end(END_S) == 0


def test_port_and_host_have_defaults(image: TestedImage) -> None:
    """Without PORT the service listens at port 3000 of all addresses; HEALTHCHECK finds it there."""
    options = RunOptions(published=False)
    with image.run(options=options) as container:
        container.wait_for_start(lambda: container.execute(*_command(image)).returncode == 0, READY_DEADLINE_S)
        listeners = container.execute(PYTHON, "-c", "print(open('/proc/net/tcp').read())").stdout
        assert f"00000000:{SERVICE_PORT:04X}" in listeners


def _command(image: TestedImage) -> tuple[str, ...]:
    return read_image_config(image.engine, image.name).healthcheck


def test_healthcheck_fails_until_the_service_is_ready(image: TestedImage) -> None:
    """A container without a service is unhealthy, with the reason as output."""
    with image.run(PYTHON, "-c", "import time; time.sleep(60)") as container:
        wait_until(lambda: container.execute(PYTHON, "-c", "pass").returncode == 0, "the container")
        status, text = _healthcheck(container, image)
        assert status == 1
        assert "no answer from" in text


def test_a_killed_worker_is_replaced(image: TestedImage) -> None:
    """The container goes on, answers again, and keeps no zombie."""
    with image.run() as container:
        _ready(container)
        worker = container.execute(PYTHON, "-c", _WORKER).stdout.strip()
        container.execute(PYTHON, "-c", f"import os; os.kill({int(worker)}, 9)")

        def is_replaced() -> bool:
            successor = container.execute(PYTHON, "-c", _WORKER)
            return successor.returncode == 0 and successor.stdout.strip() != worker and is_ready(container.address)

        wait_until(is_replaced, "another worker")
        states = container.execute(PYTHON, "-c", _STATES).stdout
        assert "Z" not in states
        container.send(signal.SIGTERM)
        assert container.wait_for_end(END_S) == 0


def test_other_commands_run_in_the_image(image: TestedImage) -> None:
    """The first argument may be a program; its exit code is the container's."""
    with image.run("python", "-c", "import sys; print(sys.version_info[:2]); sys.exit(7)") as container:
        assert container.wait_for_end(END_S) == 7
        assert container.log.startswith("(3, 1")
