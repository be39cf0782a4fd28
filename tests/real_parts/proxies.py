"""nginx and HAProxy in front of a server, with the settings that their own documents show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rolling.proxies import replace_once, running_program
from tests.real_parts.tools import tool
from tools.ports import free_port

PROXY_FILES = Path(__file__).parents[2] / "deploy" / "proxies"
"""The complete configurations that docs/proxies.md explains."""

NGINX = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_header_timeout 5s;
  client_body_timeout 5s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream service {{ server 127.0.0.1:{backend}; keepalive {pool}; keepalive_timeout {idle_s}s; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 4m;
    keepalive_timeout 60s;
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      {upgrade}
      proxy_ignore_client_abort on;
      proxy_next_upstream off;
    }}
  }}
}}
"""
PLAIN_POOL = 'proxy_set_header Connection "";'
WEBSOCKETS = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;"
"""The block that nginx' own documents show for WebSockets."""

HAPROXY = """
global
  maxconn 2048
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout http-request 5s
  timeout server 30s
  retries 0
  {connections}
frontend clients
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server service 127.0.0.1:{backend}
"""


@contextmanager
def nginx(
    folder: Path, backend: int, *, upgrade: str = PLAIN_POOL, pool: int = 16, idle_s: float = 60
) -> Iterator[int]:
    """Run nginx in front of a server, and yield nginx' port.

    Args:
        folder: an empty one, for its files.
        backend: the server's port.
        upgrade: the configuration lines for ``Connection`` and ``Upgrade``.
        pool: the number of idle connections to the server that it keeps.
        idle_s: the time for which it keeps them, in seconds.
    """
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    text = NGINX.format(
        folder=folder, backend=backend, port=port, user=user, upgrade=upgrade, pool=pool, idle_s=f"{idle_s:g}"
    )
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [tool("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with running_program(command, port, folder / "log"):
        yield port


@contextmanager
def haproxy(folder: Path, backend: int, *, reuse: bool = True) -> Iterator[int]:
    """Run HAProxy in front of a server, and yield HAProxy's port.

    Args:
        folder: an empty one, for its files.
        backend: the server's port.
        reuse: whether connections to the server are used for several requests.
    """
    port = free_port()
    connections = "http-reuse always" if reuse else "option http-server-close"
    text = HAPROXY.format(backend=backend, port=port, connections=connections)
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    with running_program([tool("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, folder / "log"):
        yield port


@contextmanager
def shipped_nginx(folder: Path, backend: int, *, idle_s: float = 60) -> Iterator[int]:
    """Run nginx with ``deploy/proxies/nginx.conf`` in front of a server, and yield nginx' port.

    Args:
        folder: an empty one, for its files.
        backend: the server's port.
        idle_s: the time for which nginx keeps idle connections to the server, in seconds.
    """
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    files = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    changes = {
        "worker_processes auto;": "worker_processes 1;" + (" user root;" if os.geteuid() == 0 else ""),
        "http {": f"http {{\n{files}",
        "server 127.0.0.1:3000;": f"server 127.0.0.1:{backend};",
        "listen 127.0.0.1:8080;": f"listen 127.0.0.1:{port};",
        "keepalive_timeout 60s;": f"keepalive_timeout {round(idle_s * 1000)}ms;",
        "keepalive 64;": "keepalive 512;",
    }
    text = replace_once((PROXY_FILES / "nginx.conf").read_text(encoding="utf-8"), changes)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [tool("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with running_program(command, port, folder / "log"):
        yield port


@contextmanager
def shipped_haproxy(folder: Path, backend: int, *, purge_s: float = 2) -> Iterator[int]:
    """Run HAProxy with ``deploy/proxies/haproxy.cfg`` in front of a server, and yield HAProxy's port.

    Args:
        folder: an empty one, for its files.
        backend: the server's port.
        purge_s: the time between two checks of idle connections, in seconds.
    """
    port = free_port()
    changes = {
        "bind 127.0.0.1:8080": f"bind 127.0.0.1:{port}",
        "server tabento1 127.0.0.1:3000": f"server tabento1 127.0.0.1:{backend}",
        "pool-purge-delay 2s": f"pool-purge-delay {round(purge_s * 1000)}ms",
    }
    text = replace_once((PROXY_FILES / "haproxy.cfg").read_text(encoding="utf-8"), changes)
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    with running_program([tool("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, folder / "log"):
        yield port
