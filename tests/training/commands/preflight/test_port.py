"""The port: a taken one is told before a model is trained for it, with one that is free."""

from __future__ import annotations

import re
import socket

import pytest

from training.commands.preflight.port import port_problem


def test_free_port_is_fine() -> None:
    """A port that was just given back can be taken."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert port_problem("127.0.0.1", port) is None


@pytest.mark.parametrize("share", [False, True])
def test_taken_port_is_told_with_a_free_one(share: bool) -> None:
    """Servers that share their port among their own processes have taken it, too."""
    with socket.socket() as listener:
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        line = str(port_problem("127.0.0.1", port))
    assert line.startswith(f"Port {port} of 127.0.0.1 is taken")
    free = re.search(r"--port (\d+) \(make: PORT=\1\)", line)
    assert free is not None
    assert int(free[1]) > port


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 0, "expected a number from 1 to 65535"),
        ("127.0.0.1", 65_536, "expected a number from 1 to 65535"),
        ("no such host", 3000, "Choose an address of this machine"),
        ("ü" * 70, 3000, "Choose an address of this machine"),
        ("192.0.2.1", 3000, "Choose an address of this machine"),
    ],
)
def test_impossible_addresses_are_told(host: str, port: int, reason: str) -> None:
    """Numbers that are not ports, names without an address, and addresses of other computers are refused."""
    assert reason in str(port_problem(host, port))
