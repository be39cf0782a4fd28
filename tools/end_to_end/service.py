"""The service of a run: a Bento served by ``bentoml serve``, called over HTTP with an API key."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from tools.end_to_end.errors import StepError
from tools.end_to_end.home import Home, end_processes, family_of
from tools.ports import free_port

READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 60.0
REQUEST_TIMEOUT_S = 30.0
BUSY_DEADLINE_S = 30.0
LOG = "service"


@dataclass
class Service:
    """A running service."""

    home: Home
    process: subprocess.Popen[bytes]
    port: int
    key: str
    family: list[psutil.Process]
    """The processes that were seen below the service; all of them must end with it."""

    @classmethod
    def start(cls, home: Home, bento: str, key: str, environment: Mapping[str, str]) -> tuple[Service, float]:
        """Serve a Bento and return the service with the seconds until it was ready.

        Args:
            home: the folder of the run.
            bento: the Bento's tag.
            key: the secret of the API key.
            environment: additional variables, such as the record of the key.

        Raises:
            StepError: the service ended or did not become ready; the message has the end of its log.
        """
        port = free_port()
        command = [sys.executable, "-m", "bentoml", "serve", bento, "--host", "127.0.0.1", "--port", str(port)]
        start_s = time.monotonic()
        with home.log_path(LOG).open("wb") as log:
            # In a session of its own, so that Ctrl-C ends it here and not twice.
            process = subprocess.Popen(
                command,
                cwd=home.folder,
                env={**home.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        service = cls(home, process, port, key, [])
        try:
            service.wait_for(service.is_ready, "the service did not get ready", READY_DEADLINE_S)
        except BaseException:
            service.kill()
            raise
        service.family = family_of(process.pid)
        return service, time.monotonic() - start_s

    def is_ready(self) -> bool:
        """Return whether ``/readyz`` answers 200."""
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def request(
        self, method: str, path: str, content: object = None, key: str | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Send a request on a connection of its own and return status, body and headers (names in lower case).

        Args:
            method: the method.
            path: path and query.
            content: the body, to be written as JSON; None sends none.
            key: the API key in place of the service's; an empty text sends none.

        Raises:
            OSError: no connection.
        """
        headers = {"content-type": "application/json"}
        if secret := self.key if key is None else key:
            headers["x-api-key"] = secret
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request(method, path, None if content is None else json.dumps(content).encode(), headers)
            response = connection.getresponse()
            return (
                response.status,
                response.read(),
                {name.lower(): value for name, value in response.getheaders()},
            )
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def json(self, method: str, path: str, content: object = None) -> Any:
        """Return the decoded answer of a request. On a busy computer the service refuses some requests (503); they are repeated.

        Raises:
            StepError: the status is not 200, or there is no connection.
        """
        deadline_s = time.monotonic() + BUSY_DEADLINE_S
        try:
            status, body, headers = self.request(method, path, content)
            while status == 503 and time.monotonic() < deadline_s:
                time.sleep(float(headers.get("retry-after", 1)))
                status, body, headers = self.request(method, path, content)
        except OSError as error:
            raise StepError(f"{method} {path}: {error!r}:\n{self.home.log_tail(LOG)}") from error
        if status != 200:
            raise StepError(
                f"{method} {path}: expected status 200, got {status}: {body[:400].decode(errors='replace')}"
            )
        return json.loads(body)

    def wait_for(self, condition: Callable[[], bool], fault: str, deadline_s: float) -> float:
        """Wait until a condition is true and return the seconds.

        Raises:
            StepError: the deadline passed or the service ended; the message has the end of its log.
        """
        start_s = time.monotonic()
        while not condition():
            elapsed_s = time.monotonic() - start_s
            if self.process.poll() is not None:
                fault = f"the service ended with status {self.process.returncode}"
            elif elapsed_s <= deadline_s:
                time.sleep(0.02)
                continue
            raise StepError(f"{fault} (after {elapsed_s:.1f} s):\n{self.home.log_tail(LOG)}")
        return time.monotonic() - start_s

    def terminate(self) -> None:
        """Send SIGTERM to the first process, as a container's engine does."""
        self.process.send_signal(signal.SIGTERM)

    def wait_for_end(self) -> tuple[int, float]:
        """Wait for the end of all processes and return the exit status and the seconds.

        Raises:
            StepError: a process did not end in time.
        """
        start_s = time.monotonic()
        try:
            status = self.process.wait(timeout=STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise StepError(
                f"the service did not end within {STOP_DEADLINE_S:g} s after SIGTERM:\n{self.home.log_tail(LOG)}"
            ) from None
        _, remaining = psutil.wait_procs(self.family, timeout=max(0.0, start_s + STOP_DEADLINE_S - time.monotonic()))
        if remaining:
            raise StepError(f"processes {[process.pid for process in remaining]} outlived the service")
        return status, time.monotonic() - start_s

    def kill(self) -> None:
        """End all processes immediately; it can be called again."""
        processes = [process for process in (*self.family, *family_of(self.process.pid)) if process.is_running()]
        end_processes(processes)
        self.process.wait(timeout=STOP_DEADLINE_S)
