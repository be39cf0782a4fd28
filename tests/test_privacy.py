"""Privacy: no library looks up a foreign host, and none leaves files of its own in the home folder.

The commands run as root in a network namespace of their own with only the loopback interface, with an empty home folder
and without any variable of this project. `strace` records every address to which any thread of any of their processes
connects or sends. That needs Debian's `strace` and `iproute2`, so the marker is `real_parts`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tabento.bundle.store import load_bundle
from tabento.bundle.telemetry import OFF, switch_off
from tests.bundles import TREE
from tests.conftest import bentoml_home
from tests.servers import wait_until

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PACKAGES = ("tabento.bundle", "tabento.exact_export", "runners", "serving", "training", "deploy", "benchmarks", "tests")

_STRACE = ("strace", "--follow-forks", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o")
_PORT = 3000
"""The port of the service, which is alone in its network."""


def _environment(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a fresh login, without a variable that switches telemetry off, and with additional variables."""
    return {"PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **variables}


def _files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def _foreign_addresses(trace: Path) -> set[str]:
    """Return the addresses of other computers in the output of strace."""
    text = trace.read_text(encoding="utf-8", errors="replace") if trace.exists() else ""
    matches = re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', text)
    addresses = {four or six for four, six in matches}
    return {address for address in addresses if not address.startswith("127.") and address != "::1"}


def _run_isolated(trace: Path, environment: dict[str, str], *command: str) -> None:
    """Run a command in a network of its own until it ends, and record the addresses that it tries to reach."""
    script = 'ip link set lo up && exec "$@"'
    process = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", *_STRACE, str(trace), "--", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout[-4000:]


@contextmanager
def _isolated_server(trace: Path, environment: dict[str, str], *command: str) -> Iterator[int]:
    """Run a command in a network of its own until the block ends, and yield the id of a process in that network."""
    script = 'ip link set lo up && exec "$@"'
    strace = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", script, "sh", *_STRACE, str(trace), "--", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tracer = psutil.Process(strace.pid)
    try:
        wait_until(lambda: bool(tracer.name() == "strace"), "strace to start in the network of its own")
        yield strace.pid
    finally:
        for child in tracer.children():
            child.send_signal(signal.SIGTERM)
        strace.wait(60)


def _request(process_id: int, path: str, body: bytes | None = None) -> bytes | None:
    """Return the answer of the service in the network of a process, or None if no service listens there yet."""
    code = "import sys, urllib.request as r; body = sys.stdin.buffer.read() or None; print(r.urlopen(r.Request(sys.argv[1], body, {'content-type': 'application/json'})).read().decode())"
    command = [
        "nsenter",
        f"--net=/proc/{process_id}/ns/net",
        sys.executable,
        "-c",
        code,
        f"http://127.0.0.1:{_PORT}{path}",
    ]
    process = subprocess.run(command, input=body or b"", capture_output=True, env={"PATH": os.environ["PATH"]})
    return process.stdout if process.returncode == 0 else None


def _can_isolate() -> bool:
    if os.geteuid() or not all(map(shutil.which, ("unshare", "nsenter", "ip", "strace"))):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


real_parts = pytest.mark.real_parts
needs_isolation = pytest.mark.skipif(
    not _can_isolate(), reason="needs root, strace, iproute2, util-linux and the right to make a network namespace"
)


@pytest.mark.parametrize("package", PACKAGES)
def test_import_of_a_package_switches_telemetry_off(package: str) -> None:
    """Importing any of the packages switches off the telemetry of all libraries, for this process and its children."""
    code = f"import os, {package}; print(*(f'{{name}}={{os.environ.get(name)}}' for name in {list(OFF)!r}), sep='\\n')"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == [f"{name}={value}" for name, value in OFF.items()]


def test_a_variable_that_is_set_keeps_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telemetry stays on if its variable says so already."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    switch_off()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_bentoml_reads_the_variable_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """BentoML's commands store the value that the variable had before a service was imported; the import clears that value."""
    from bentoml._internal.utils.analytics.usage_stats import do_not_track

    monkeypatch.delenv("BENTOML_DO_NOT_TRACK")
    do_not_track.cache_clear()
    assert not do_not_track()
    switch_off()
    assert do_not_track()


def test_makefile_bento_and_document_name_each_variable() -> None:
    """The Makefile and the Bento set the variables for programs that start before any import; docs/privacy.md lists them."""
    for file in ("Makefile", "bentofile.yaml"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not [name for name in OFF if name not in text and not (file == "bentofile.yaml" and "MLFLOW" in name)]
    documented = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert not [name for name in OFF if f"`{name}`" not in documented]


@real_parts
@needs_isolation
def test_a_service_reaches_no_foreign_host(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """A service that starts and answers looks up no host and writes no file into the home folder.

    It runs until a second process, which uses ONNX Runtime with its telemetry on, has looked up the host of its maker and has
    written a device id. By then a report of the service would have been sent as well, and the test would see it.
    """
    (home := tmp_path / "home").mkdir()
    (reporting_home := tmp_path / "reporting_home").mkdir()
    trace, reporting_trace = tmp_path / "trace", tmp_path / "reporting_trace"
    with bentoml_home(session_store):
        graph = str(load_bundle(linear_bundle).model_path)
    code = "import sys, threading, onnxruntime; s = onnxruntime.InferenceSession(sys.argv[1]); threading.Event().wait()"
    reporting_command = (sys.executable, "-c", code, graph)
    command = (str(BIN / "bentoml"), "serve", "service:Tabento", "--host", "127.0.0.1", "--port", str(_PORT))
    environment = _environment(home, BENTOML_HOME=str(session_store), TABENTO_MODEL=linear_bundle)
    with (
        _isolated_server(trace, environment, *command) as server,
        _isolated_server(reporting_trace, _environment(reporting_home), *reporting_command),
    ):
        wait_until(lambda: _request(server, "/readyz") is not None, "the service to get ready")
        answer = _request(server, "/predict", json.dumps(TREE).encode())
        assert answer is not None
        assert "prediction" in json.loads(answer)
        wait_until(lambda: bool(_foreign_addresses(reporting_trace)), "ONNX Runtime to look up its maker's host")
    assert any("deviceid" in file for file in _files(reporting_home))
    assert _foreign_addresses(trace) == set()
    assert _files(home) == []


@real_parts
@needs_isolation
def test_a_training_run_reaches_no_foreign_host(tmp_path: Path) -> None:
    """A run with tracking and registry looks up no host and writes only a list of fonts into the home folder."""
    (home := tmp_path / "home").mkdir()
    folders = {
        f"TABENTO_TRAINING_{name}_FOLDER": str(tmp_path / name.lower()) for name in ("DATA", "RUNS", "ARTIFACTS")
    }
    environment = _environment(
        home, BENTOML_HOME=str(tmp_path / "store"), TABENTO_TRAINING_LATENCY_BUDGET_S="0.2", **folders
    )
    command = (str(BIN / "tabento"), "train", "--config", "tests/configs/orchard.yaml", "--data", "synthetic")
    _run_isolated(tmp_path / "trace", environment, *command)
    assert _foreign_addresses(tmp_path / "trace") == set()
    assert [file for file in _files(home) if not file.startswith(".cache/matplotlib/")] == []
