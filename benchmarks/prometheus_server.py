"""A real Prometheus as a process of its own, which scrapes one service, and its API."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.process import STOP_DEADLINE_S, BenchmarkError, get
from tools.ports import free_port

PROGRAM = "prometheus"
READY_DEADLINE_S = 30.0
_ANSWER_S = 30.0


class Prometheus:
    """The API of a Prometheus.

    Args:
        address: ``http://127.0.0.1:port``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression, each with its labels and its present value.

        Raises:
            BenchmarkError: Prometheus refuses the expression.
        """
        result: list[dict[str, Any]] = self._data("query", query=expression)["result"]
        return result

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """Return the series of an expression, each with its labels and its values over time.

        Raises:
            BenchmarkError: Prometheus refuses the expression.
        """
        times = {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        result: list[dict[str, Any]] = self._data("query_range", query=expression, **times)["result"]
        return result

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """Return the exemplars of the series of an expression of the last hour."""
        now_s = time.time()
        result: list[dict[str, Any]] = self._data(
            "query_exemplars", query=expression, start=f"{now_s - 3600:.3f}", end=f"{now_s + 60:.3f}"
        )
        return result

    def n_targets_up(self) -> int:
        """Return the number of targets whose last scrape succeeded."""
        targets = self._data("targets", state="active")["activeTargets"]
        return sum(target["health"] == "up" for target in targets)

    def last_errors(self) -> list[str]:
        """Return the errors of the last scrapes; empty if all succeeded."""
        targets = self._data("targets", state="active")["activeTargets"]
        return [target["lastError"] for target in targets if target["lastError"]]

    def _data(self, name: str, **parameters: str) -> Any:
        url = f"{self.address}/api/v1/{name}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise BenchmarkError(f"{parameters.get('query', name)}: {error.read().decode()}") from error


@contextmanager
def running_prometheus(
    folder: Path, targets: Sequence[str], interval_s: float = 1.0, program: str | None = None
) -> Iterator[Prometheus]:
    """Run a Prometheus until the block ends.

    Args:
        folder: an empty folder for its configuration, data and log.
        targets: the services, as ``127.0.0.1:port``.
        interval_s: the seconds between scrapes.
        program: the path of ``prometheus``; None to look for it.

    Raises:
        BenchmarkError: it is not installed, or did not get ready.
    """
    program = program or shutil.which(PROGRAM)
    if program is None:
        raise BenchmarkError(
            f"{PROGRAM} is not installed; on Debian: apt-get install --no-install-recommends {PROGRAM}"
        )
    configuration = {
        "global": {
            "scrape_interval": f"{round(interval_s * 1000)}ms",
            "scrape_timeout": f"{round(interval_s * 1000)}ms",
        },
        "scrape_configs": [{"job_name": "tabento", "static_configs": [{"targets": list(targets)}]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    port = free_port()
    command = [program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage", "--log.level=warn"]
    log_path = folder / "prometheus.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        end_s = time.monotonic() + READY_DEADLINE_S
        while get(f"{address}/-/ready") is None:
            if process.poll() is not None or time.monotonic() > end_s:
                raise BenchmarkError(f"{' '.join(command)} did not get ready:\n{log_path.read_text()}")
            time.sleep(0.05)
        yield Prometheus(address)
    finally:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
