"""The proxies before the replicas: the shipped configurations, with the addresses of this run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.process import ROOT, BenchmarkError
from tools.ports import free_port

FILES = ROOT / "deploy" / "proxies"
"""The folder of the shipped configurations."""
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/sbin"
"""The folders of Debian's servers, which not every user's PATH has."""
START_S = 30.0
PLACES = 4
"""The addresses in the shipped configurations: three replicas, and the place of the next one."""


def replace_once(text: str, changes: Mapping[str, str]) -> str:
    """Return a shipped configuration with other values.

    Args:
        text: the configuration.
        changes: from each former text to the new one.

    Raises:
        BenchmarkError: the configuration does not have one of the former texts exactly once.
    """
    for former, changed in changes.items():
        if text.count(former) != 1:
            raise BenchmarkError(f"expected {former!r} once in the configuration, got it {text.count(former)} times")
        text = text.replace(former, changed)
    return text


@contextmanager
def haproxy(folder: Path, ports: Sequence[int], *, repeats: bool = True) -> Iterator[str]:
    """Run HAProxy with ``haproxy-replicas.cfg`` before some ports, and yield its address.

    Args:
        folder: the folder for its files.
        ports: the ports of the replicas, one for each address of the configuration.
        repeats: whether a prediction that a replica has seen may be sent to another one, as the file says. If not, predictions have
            the rule of the other requests.
    """
    port = free_port()
    text = (FILES / "haproxy-replicas.cfg").read_text(encoding="utf-8")
    changes = {"bind 127.0.0.1:8080": f"bind 127.0.0.1:{port}"}
    if not repeats:
        changes["retry-on conn-failure empty-response response-timeout"] = "retry-on conn-failure"
    text = replace_once(text, changes)
    path = folder / "haproxy.cfg"
    path.write_text(with_ports(text, ports), encoding="utf-8")
    with running_program([program("haproxy"), "-db", "-f", str(path)], port, folder / "haproxy.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, ports: Sequence[int], *, repeats: bool = True) -> Iterator[str]:
    """Run nginx with ``nginx-replicas.conf`` before some ports, and yield its address.

    Args:
        folder: the folder for its files.
        ports: the ports of the replicas, one for each address of the configuration.
        repeats: see ``haproxy``.
    """
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    files = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    changes = {
        "worker_processes auto;": "worker_processes 2;" + (" user root;" if os.geteuid() == 0 else ""),
        "http {": f"http {{\n{files}",
        "listen 127.0.0.1:8080;": f"listen 127.0.0.1:{port};",
    }
    if not repeats:
        changes["proxy_next_upstream error timeout non_idempotent;"] = "proxy_next_upstream error timeout;"
    text = replace_once((FILES / "nginx-replicas.conf").read_text(encoding="utf-8"), changes)
    path = folder / "nginx.conf"
    path.write_text(with_ports(text, ports), encoding="utf-8")
    command = [program("nginx"), "-p", str(folder), "-c", str(path), "-g", "daemon off;"]
    with running_program(command, port, folder / "nginx.log"):
        yield f"http://127.0.0.1:{port}"


Proxy = Callable[..., AbstractContextManager[str]]
PROXIES: Mapping[str, Proxy] = {"haproxy": haproxy, "nginx": nginx}
"""The proxies by name."""


def program(name: str) -> str:
    """Return the path of a proxy's program.

    Raises:
        BenchmarkError: it is not installed.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")
    if path is None:
        raise BenchmarkError(f"{name} is not installed. On Debian: apt-get install --no-install-recommends {name}")
    return path


def with_ports(text: str, ports: Sequence[int]) -> str:
    """Return a configuration whose replicas have other ports."""
    if len(ports) != PLACES:
        raise BenchmarkError(f"expected {PLACES} ports, one for each address of the configuration, got {len(ports)}")
    for number, port in enumerate(ports, start=1):
        text = text.replace(f"127.0.0.1:{3000 + number}", f"127.0.0.1:{port}")
    return text


@contextmanager
def running_program(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Run a program until the block ends; returns when it accepts connections.

    Args:
        command: does not return while the program runs.
        port: of 127.0.0.1.
        log: the file of its output.

    Raises:
        BenchmarkError: it ended, or does not accept connections in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        end_s = time.monotonic() + START_S
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > end_s:
                raise BenchmarkError(f"{' '.join(command)} did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
