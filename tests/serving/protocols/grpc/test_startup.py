"""A service that cannot listen for gRPC does not start, and says why."""

from __future__ import annotations

import socket
import sys

import pytest

from serving.protocols.grpc.startup import PortError, check_grpc, http_host, reserve_port, target
from serving.settings import ServingSettings, SettingsError
from tools.ports import free_port


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a port but without gRPC, the start fails with the remedy; without a port nothing is needed."""
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"the package grpc is not installed: install requirements/grpc.txt"):
        check_grpc(ServingSettings(grpc_port=50_051))
    check_grpc(ServingSettings())


def test_installed_packages_pass() -> None:
    """With the packages of the group ``grpc`` a port is accepted."""
    check_grpc(ServingSettings(grpc_port=50_051))


def test_a_key_with_a_password_is_refused() -> None:
    """gRPC cannot decrypt a key, so the start fails instead of every handshake."""
    settings = ServingSettings.model_validate(
        {"grpc_port": 50_051, "tls_certificate_file": "a.pem", "tls_key_password": "secret"}
    )
    with pytest.raises(SettingsError, match="cannot read a key with a password"):
        check_grpc(settings)


def test_a_reserved_port_is_for_workers_only() -> None:
    """A worker can listen on the reserved port; a second service cannot reserve it, and without a worker it refuses."""
    port = free_port()
    with reserve_port("127.0.0.1", port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 10)
        with pytest.raises(PortError, match=f"grpc_port {port} of 127.0.0.1 is in use"):
            reserve_port("127.0.0.1", port)
        with socket.create_server(("127.0.0.1", port), reuse_port=True):
            socket.create_connection(("127.0.0.1", port), 10).close()
            with pytest.raises(PortError):
                reserve_port("127.0.0.1", port)
    reserve_port("127.0.0.1", port).close()


def test_the_address_is_that_of_http() -> None:
    """A worker finds the address in the socket that it got; another server uses the loopback interface."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        assert http_host(["worker", "--fd", str(listener.fileno()), "--backlog", "9"]) == "127.0.0.2"
        listener.getsockname()  # the socket is still open
    assert http_host(["pytest"]) == "127.0.0.1"


def test_an_address_of_version_6_gets_brackets() -> None:
    """gRPC takes an IPv6 address in brackets."""
    assert target("::1", 7) == "[::1]:7"
    assert target("0.0.0.0", 7) == "0.0.0.0:7"
