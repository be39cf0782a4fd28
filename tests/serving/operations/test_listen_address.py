"""The messages about addresses at which a service cannot listen."""

from __future__ import annotations

import errno
import os

import click
import pytest

from serving.operations.listen_address import address_problem, port_problem, requested_port


@pytest.mark.parametrize("port", [None, 0, 1, 3000, 65_535])
def test_ports_pass(port: int | None) -> None:
    """Zero lets the system choose; None is a process without the command line of BentoML."""
    assert port_problem(port) is None


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_numbers_that_are_not_ports_are_refused(port: int) -> None:
    """The resolver would take them modulo 65536."""
    message = port_problem(port)
    assert message is not None
    assert f"expected a port from 0 to 65535, got {port}" in message


def test_the_port_is_read_from_the_command_line() -> None:
    """It is the option of the running command; outside of a command there is none."""
    assert requested_port() is None
    command = click.Command(
        "serve", params=[click.Option(["--port"], type=int)], callback=lambda port: requested_port()
    )
    assert command.main(["--port", "99999"], standalone_mode=False) == 99_999
    assert command.main([], standalone_mode=False) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "port 80 of 10.0.0.7 is in use"),
        (errno.EADDRNOTAVAIL, "10.0.0.7 is not an address of this machine"),
        (errno.EACCES, "port 80 needs a right that user"),
        (errno.EMFILE, "cannot listen at port 80 of 10.0.0.7: Too many open files"),
    ],
)
def test_each_cause_has_its_remedy(number: int, words: str) -> None:
    """The message names the address, the cause and the option that changes it."""
    message = address_problem("10.0.0.7", 80, OSError(number, os.strerror(number)))
    assert words in message
    assert "--host" in message or "--port" in message


def test_a_high_port_is_not_reserved() -> None:
    """A refusal of the system for another reason is passed on."""
    assert "Permission denied" in address_problem("::1", 3000, PermissionError(errno.EACCES, "Permission denied"))
