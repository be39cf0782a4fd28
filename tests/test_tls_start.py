"""``bentoml serve`` over TLS, as processes: the settings alone switch it on, and no secret is on a command line."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx
import psutil
import pytest

from tests.bundles import TREE
from tests.certificates import Authority
from tests.servers import wait_until
from tests.test_start import failed_start, started

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_servers")]
PASSWORD = "not-for-the-command-line"


def test_a_service_speaks_https_by_its_settings(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Two workers answer over TLS; the key's password is in no command line; the answers name no server."""
    authority = Authority("authority")
    certificate, key = authority.issue(tmp_path, "server", PASSWORD)
    trusting = ssl.create_default_context(cafile=authority.write(tmp_path / "authority.pem"))
    environment = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_WORKERS": "2",
        "TABENTO_TLS_CERTIFICATE_FILE": str(certificate),
        "TABENTO_TLS_KEY_FILE": str(key),
        "TABENTO_TLS_KEY_PASSWORD": PASSWORD,
    }
    with (
        started(tmp_path, environment) as service,
        httpx.Client(base_url=f"https://127.0.0.1:{service.port}", verify=trusting, timeout=30) as client,
    ):

        def is_ready() -> bool:
            assert service.process.poll() is None, service.log.read_text(encoding="utf-8")
            return not service.is_refused() and client.get("/readyz").status_code == 200

        wait_until(is_ready, "the service")
        for path in ("/livez", "/schema.json", "/static_content/swagger-ui.css", "/docs", "/nothing"):
            answer = client.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert "server" not in answer.headers
            assert not [name for name in answer.headers if "bento" in name]
        assert client.post("/predict", json=TREE).status_code == 200
        processes = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
        assert not [process.pid for process in processes if PASSWORD in " ".join(process.cmdline())]
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as plain:
            plain.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"HTTP/" not in plain.recv(65536)
    assert PASSWORD not in service.log.read_text(encoding="utf-8")


def test_a_wrong_certificate_ends_the_start(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """The last line names the setting."""
    environment = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_TLS_CERTIFICATE_FILE": str(tmp_path / "missing.pem"),
    }
    code, last = failed_start(tmp_path, environment)
    assert code == 1
    assert "tls_certificate_file" in last
