"""HTTPS by settings: over our own protocol, with a certificate that is read again when it changes."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from serving.bento import lean_config
from serving.fastpath.install import install
from serving.settings import ServingSettings, SettingsError
from serving.tls import ServerCertificate, check_tls, install_tls
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.certificates import Authority
from tests.servers import running, wait_until
from tests.serving.fastpath.raw_client import BODY, application_of, plain_request

PASSWORD = "a password with blanks"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """The authority that signs the server's certificate."""
    return Authority("authority")


@pytest.fixture
def trusting(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    return ssl.create_default_context(cafile=authority.write(tmp_path / "authority.pem"))


@contextmanager
def _serving(folder: Path, **changes: Any) -> Iterator[str]:
    """Serve the orchard's bundle over TLS as BentoML does, and yield the address."""
    settings = ServingSettings(slo_p99_ms=60_000, **changes)
    application = application_of(folder, settings)
    ssl_config = lean_config(settings)["ssl"]
    assert ssl_config == {"enabled": True, "certfile": str(settings.tls_certificate_file)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.config, "create_ssl_context", uvicorn.config.create_ssl_context)  # restored at the end
        install()
        install_tls(settings)
        with running(application, ssl_certfile=ssl_config["certfile"]) as address:
            yield address.replace("http://", "https://")


@contextmanager
def _connection(address: str, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    host, port = address.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        yield connection


def _read_to_end(connection: ssl.SSLSocket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _read_error(connection: ssl.SSLSocket) -> bytes:
    """Return the bytes up to the end of an error's envelope."""
    received = b""
    while not (b'{"error":' in received and received.endswith(b'"}')):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def _issue(authority: Authority, folder: Path, name: str = "server", password: str | None = None) -> dict[str, Any]:
    certificate, key = authority.issue(folder, name, password)
    return {"tls_certificate_file": certificate, "tls_key_file": key}


def test_predictions_probes_and_errors_over_https(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """A prediction takes the fast path; probes and errors are answered; browsers are told to stay with TLS."""
    with (
        _serving(tmp_path, **_issue(authority, tmp_path)) as address,
        httpx.Client(base_url=address, verify=trusting) as client,
    ):
        for path, status in (("/livez", 200), ("/readyz", 200), ("/health", 200), ("/nothing", 404)):
            answer = client.get(path)
            assert answer.status_code == status
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        for _ in range(3):
            assert client.post("/predict", json=TREE).json()["prediction"] == linear_answer(TREE, orchard_contract())
        with _connection(address, trusting) as connection:
            assert connection.version() == "TLSv1.3"
            connection.sendall(plain_request() + b"nonsense\r\n\r\n")
            answers = _read_error(connection)
    assert answers.count(b"strict-transport-security: max-age=31536000\r\n") == 2
    assert [line.split(b" ")[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] == [b"200"]
    assert b"HTTP/1.1 400 Bad Request" in answers


def test_old_versions_of_tls_are_refused(authority: Authority, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    """TLS 1.2 is the oldest version, whatever the client offers."""
    settings = ServingSettings(**_issue(authority, tmp_path))
    context = ServerCertificate(settings).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    with _serving(tmp_path, **_issue(authority, tmp_path)) as address:
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        with _connection(address, trusting) as connection:
            assert connection.version() == "TLSv1.2"


def test_plain_http_on_the_port_of_tls_fails_cleanly(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection ends without an answer and without an error in the log, and others are answered."""
    with _serving(tmp_path, **_issue(authority, tmp_path)) as address:
        host, port = address.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as plain:
            plain.sendall(plain_request())
            received = b""
            try:
                while part := plain.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
        assert b"HTTP/" not in received
        assert httpx.get(f"{address}/livez", verify=trusting).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_the_rest_of_a_refused_body_does_not_destroy_the_answer(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """TLS has no half close: further bytes are dropped, and the client still reads the refusal."""
    rest = b"x" * (4 * 1024 * 1024)
    with _serving(tmp_path, **_issue(authority, tmp_path)) as address, _connection(address, trusting) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n")
        connection.sendall(rest)
        answer = _read_error(connection)
        connection.sendall(b"more")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer


def test_a_client_that_asks_for_the_end_gets_it_at_once(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """After the answer to ``Connection: close`` the service ends TLS properly, and does not wait for the client."""
    with (
        _serving(tmp_path, **_issue(authority, tmp_path)) as address,
        _connection(address, trusting) as connection,
    ):
        connection.sendall(plain_request(extra_headers="connection: close\r\n"))
        answer = _read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_waits_for_the_end_of_a_refusal_gets_it(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time for further bytes the service ends TLS properly: nothing looks cut off."""
    monkeypatch.setattr("serving.fastpath.tcp_connection.LINGER_S", 0.0)
    settings = {**_issue(authority, tmp_path), "write_timeout_s": 0.5}
    with _serving(tmp_path, **settings) as address, _connection(address, trusting) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert _read_to_end(connection).startswith(b"HTTP/1.1 400 ")  # an end without close_notify would raise an error


def test_a_client_that_leaves_is_no_error(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A client may end TLS between and within requests."""
    with _serving(tmp_path, **_issue(authority, tmp_path)) as address:
        for data in (b"", plain_request()[:40], plain_request()[: -len(BODY)], plain_request()):
            with _connection(address, trusting) as connection:
                connection.sendall(data)
        assert httpx.get(f"{address}/livez", verify=trusting).status_code == 200
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_clients_need_a_certificate_if_an_authority_is_set(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """With ``tls_client_ca_file`` a client without a certificate, or with one of another authority, is refused."""
    clients = Authority("clients")
    settings = {
        **_issue(authority, tmp_path),
        "tls_client_ca_file": clients.write(tmp_path / "clients.pem"),
    }
    with _serving(tmp_path, **settings) as address:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{address}/livez", verify=trusting)
        trusting.load_cert_chain(*authority.issue(tmp_path, "stranger"))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{address}/livez", verify=trusting)
        trusting.load_cert_chain(*clients.issue(tmp_path, "client"))
        assert httpx.get(f"{address}/livez", verify=trusting).status_code == 200


def test_a_new_certificate_is_used_without_a_restart(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New handshakes get the new certificate; files that do not fit together leave the former one, with a warning."""
    monkeypatch.setattr("serving.tls.RELOAD_S", 0.0)
    settings = _issue(authority, tmp_path)
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE

    def served_certificate(address: str) -> bytes | None:
        with _connection(address, unchecked) as connection:
            return connection.getpeercert(binary_form=True)

    def der(path: Path) -> bytes:
        return ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))

    with _serving(tmp_path, **settings) as address:
        first = der(settings["tls_certificate_file"])
        assert served_certificate(address) == first
        certificate, key = authority.issue(tmp_path, "renewed")
        certificate.replace(settings["tls_certificate_file"])
        assert served_certificate(address) == first  # the key does not belong to it
        assert "the former certificate stays" in caplog.text
        key.replace(settings["tls_key_file"])
        assert served_certificate(address) == der(settings["tls_certificate_file"]) != first
        settings["tls_key_file"].unlink()
        assert served_certificate(address) == der(settings["tls_certificate_file"])
        assert "cannot be read" in caplog.text


def test_files_are_checked_once_a_second(authority: Authority, tmp_path: Path) -> None:
    """A flood of handshakes does not become a flood of file accesses."""
    now = 0.0
    settings = ServingSettings(**_issue(authority, tmp_path))
    server = ServerCertificate(settings, clock=lambda: now)
    before = server._present
    authority.issue(tmp_path, "server")

    class _Handshake:
        context: ssl.SSLContext | None = None

    handshake = _Handshake()
    server._choose(handshake, None, server.context)
    assert handshake.context is before
    now = 1.0
    server._choose(handshake, "name", server.context)
    assert handshake.context is server._present is not before


def test_an_encrypted_key_needs_its_password(authority: Authority, tmp_path: Path) -> None:
    """The password comes from the settings, and never appears in a message; nobody is asked at the terminal."""
    files = _issue(authority, tmp_path, password=PASSWORD)
    check_tls(ServingSettings(**files, tls_key_password=PASSWORD))
    with pytest.raises(SettingsError, match="set tls_key_password"):
        check_tls(ServingSettings(**files))
    with pytest.raises(SettingsError, match="its password") as raised:
        check_tls(ServingSettings(**files, tls_key_password=PASSWORD + "x"))
    assert PASSWORD not in str(raised.value)
    assert PASSWORD not in repr(ServingSettings(**files, tls_key_password=PASSWORD))


def test_a_file_that_cannot_be_used_stops_the_start(authority: Authority, tmp_path: Path) -> None:
    """The message names setting, file and reason."""
    files = _issue(authority, tmp_path)
    empty = tmp_path / "empty"
    empty.write_text("nothing")
    for changes, message in (
        (
            {"tls_certificate_file": tmp_path / "missing"},
            r"tls_certificate_file: .*missing cannot be read: No such file",
        ),
        ({"tls_key_file": empty}, "Expected a certificate in PEM format"),
        ({"tls_client_ca_file": empty}, "tls_client_ca_file: .*empty cannot be used"),
    ):
        with pytest.raises(SettingsError, match=message):
            check_tls(ServingSettings(**{**files, **changes}))
    check_tls(ServingSettings())
    with pytest.raises(ValueError, match="need tls_certificate_file"):
        ServingSettings(tls_key_file=empty)


def test_other_certificates_keep_uvicorns_context(authority: Authority, tmp_path: Path) -> None:
    """``bentoml serve --ssl-certfile`` with another file is left to uvicorn, whose function still has this name."""
    files = _issue(authority, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.config, "create_ssl_context", uvicorn.config.create_ssl_context)
        install_tls(ServingSettings(**files))
        other, key = authority.issue(tmp_path, "other")
        configs = [uvicorn.Config("x:y", ssl_certfile=other, ssl_keyfile=key, log_config=None)]
        configs.append(uvicorn.Config("x:y", ssl_certfile=str(files["tls_certificate_file"]), log_config=None))
        for config in configs:
            config.load_app = lambda: None  # type: ignore[method-assign]
            config.load()
        contexts = [config.ssl for config in configs]
    assert [context is not None and context.sni_callback is not None for context in contexts] == [False, True]


def test_half_open_handshakes_hold_no_other_client_up(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """Clients that connect and never begin TLS cost nobody an answer."""
    with _serving(tmp_path, **_issue(authority, tmp_path)) as address:
        host, port = address.removeprefix("https://").split(":")
        silent = [socket.create_connection((host, int(port)), timeout=30) for _ in range(50)]
        try:
            wait_until(lambda: httpx.get(f"{address}/livez", verify=trusting).status_code == 200, "an answer")
        finally:
            for connection in silent:
                connection.close()
