"""The command line of an image's entry point: serve, or run another program."""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from serving.container.start_clock import StartClock
from serving.operations.foreign_library import foreign_library

SERVE = "serve"
DEFAULT_HOST = "0.0.0.0"  # noqa: S104 - a container is reached from outside; without API keys the start refuses this address
DEFAULT_PORT = 3000
HIGHEST_PORT = 65_535
FAILED = 1
"""The exit code of a start that failed."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""The signals that end the service in order. A closed terminal sends SIGHUP, and some orchestrators send SIGQUIT."""
NOT_FOUND = 127
"""The exit code of shells for a program that does not exist."""


USAGE = f"""\
usage: container.py [serve] [--host HOST] [--port PORT]
       container.py PROGRAM [ARGUMENT ...]

Serve the Bento of this folder, or run a program in its place.

  --host HOST  the address to listen at; by default BENTOML_HOST, else {DEFAULT_HOST}
  --port PORT  the port, 0 for a free one; by default PORT, else BENTOML_PORT, else {DEFAULT_PORT}
"""


class UsageError(Exception):
    """The command line or a variable of the port is wrong."""


@dataclass(frozen=True)
class Address:
    """The address on which the service listens."""

    host: str
    port: int


def read_address(arguments: Sequence[str], environment: dict[str, str]) -> Address:
    """Return the address of the options ``--host`` and ``--port``, or of the variables.

    Args:
        arguments: the options; ``--name value`` or ``--name=value``.
        environment: the variables. PORT, which platforms such as Cloud Run set, is stronger than BENTOML_PORT.

    Raises:
        UsageError: an option is unknown or has no value, or the port is not a number from 0 to 65535.
    """
    options: dict[str, str] = {}
    remaining = list(arguments)
    while remaining:
        name, separator, value = remaining.pop(0).partition("=")
        if name not in ("--host", "--port", "-p"):
            raise UsageError(
                f"expected --host or --port, got {name!r}. BentoML's own server has more options: run `bentoml serve` instead of `serve`."
            )
        if not separator:
            if not remaining:
                raise UsageError(f"{name} has no value; expected for example `--host 127.0.0.1 --port {DEFAULT_PORT}`.")
            value = remaining.pop(0)
        options["--port" if name == "-p" else name] = value
    host = options.get("--host") or environment.get("BENTOML_HOST") or DEFAULT_HOST
    for source, text in (
        ("--port", options.get("--port")),
        ("PORT", environment.get("PORT")),
        ("BENTOML_PORT", environment.get("BENTOML_PORT")),
    ):
        if text:
            return Address(host, _read_port(source, text))
    return Address(host, DEFAULT_PORT)


def _read_port(source: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_PORT)) and int(text) <= HIGHEST_PORT:
        return int(text)
    raise UsageError(f"{source} is {text[:100]!r}; expected the number of a port, from 0 to {HIGHEST_PORT}.")


def handle_stop_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    """Call a function at each signal that ends the service; SIGHUP stays ignored under ``nohup``."""
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_on_signal(_number: int, _frame: FrameType | None) -> None:
    """End a start; the first process of a container would ignore the signal without a handler.

    An exception would not do: the import of a package in C may replace it by an error of its own. Nothing has to be closed yet.
    """
    os._exit(0)


def _open_closed_streams() -> None:
    """Open the standard streams that the caller has closed, so that no socket gets their numbers and every write succeeds."""
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)  # for the monitor process
            setattr(sys, name, os.fdopen(number, mode))


def _replace_process(command: Sequence[str]) -> int:
    """Run another program in this process; return an exit code if it cannot be run."""
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - the caller's own command
    except OSError as error:
        sys.stderr.write(f"error: {command[0]!r} cannot be run: {error.strerror}\n")
    return NOT_FOUND


def import_fault(error: BaseException) -> str:
    """Return the first cause of a failed import in one line, and the remedy. A package may put a page of advice around it."""
    if isinstance(error, ImportError) and (message := foreign_library(error)):
        return message
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    cause = " ".join(str(error).split())
    return (
        f"{type(error).__name__}: {cause}. Expected the packages of requirements/serving.txt, built for this computer"
        f" ({platform.machine()}, Python {platform.python_version()}). Build the image for this platform: `make image`."
    )


def main(arguments: Sequence[str]) -> int:
    """Serve, or run the program that the first argument names; return the exit code.

    Args:
        arguments: none, options, or ``serve`` and options: serve. Any other first argument is a program.
    """
    if arguments and arguments[0] != SERVE and not arguments[0].startswith("-"):
        return _replace_process(arguments)
    clock = StartClock()
    _open_closed_streams()
    handle_stop_signals(_end_on_signal)
    options = arguments[1:] if arguments[:1] == [SERVE] else arguments
    if options and options[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    try:
        address = read_address(options, dict(os.environ))
    except UsageError as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    try:
        from serving.container.start import serve  # imports the service
    except ImportError as error:
        sys.stderr.write(f"error: the packages of the service cannot be imported: {import_fault(error)}\n")
        return FAILED
    clock.end_phase("imports")
    return serve(address, Path(__file__).parents[2], clock)
