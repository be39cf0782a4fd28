"""The command line of an image: the address, the exit codes, and other programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.container.command import STOP_SIGNALS, Address, UsageError, import_fault, main, read_address

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, Address("0.0.0.0", 3000)),
        (["--host", "127.0.0.1", "--port", "8080"], {}, Address("127.0.0.1", 8080)),
        (["--host=::1", "-p", "0"], {}, Address("::1", 0)),
        ([], {"PORT": "8080", "BENTOML_PORT": "8081"}, Address("0.0.0.0", 8080)),
        ([], {"BENTOML_PORT": "8081", "BENTOML_HOST": "10.0.0.1"}, Address("10.0.0.1", 8081)),
        (["--port", "1"], {"PORT": "2"}, Address("0.0.0.0", 1)),
        (["--host", "serve"], {}, Address("serve", 3000)),
        ([], {"PORT": ""}, Address("0.0.0.0", 3000)),
    ],
)
def test_the_address(arguments: list[str], environment: dict[str, str], expected: Address) -> None:
    """Options are stronger than PORT, and PORT is stronger than BentoML's variables; the default is port 3000 of all addresses."""
    assert read_address(arguments, environment) == expected


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--workers", "2"], {}, "expected --host or --port, got '--workers'"),
        (["--port"], {}, "--port has no value"),
        (["--port", "http"], {}, "--port is 'http'"),
        ([], {"PORT": "65536"}, "PORT is '65536'"),
        ([], {"PORT": "9" * 5000}, "PORT is '9999"),
        (["serve"], {}, "expected --host or --port, got 'serve'"),
        ([], {"PORT": "-1"}, "PORT is '-1'"),
        ([], {"PORT": "٣"}, "PORT is '٣'"),
        ([], {"BENTOML_PORT": "x"}, "BENTOML_PORT is 'x'"),
    ],
)
def test_a_wrong_address_is_refused(arguments: list[str], environment: dict[str, str], message: str) -> None:
    """The message names the option or the variable, and its value."""
    with pytest.raises(UsageError, match=message):
        read_address(arguments, environment)


def test_a_wrong_option_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, and the error is one line without a traceback."""
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    try:
        assert main(["serve", "--reload"]) == 1
    finally:
        for number, handler in zip(STOP_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)
    output = capfd.readouterr()
    assert output.err.count("\n") == 1
    assert output.err.startswith("error: expected --host or --port")
    assert output.out == ""


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "container.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_ends_a_start_that_catches_everything(number: signal.Signals) -> None:
    """A signal during an import that turns every exception into its own error ends the start with exit code 0."""
    code = (
        "import os, sys; from serving.container import command\n"
        "command.handle_stop_signals(command._end_on_signal)\n"
        "try: os.kill(os.getpid(), int(sys.argv[1]))\n"
        "except BaseException: pass\n"
        "print('the start goes on')"
    )
    process = _run(sys.executable, "-c", code, str(int(number)))
    assert process.returncode == 0
    assert process.stdout == ""


def test_nohup_is_respected() -> None:
    """A process that was started with SIGHUP ignored goes on when its terminal is closed."""
    code = (
        "import os, signal; from serving.container import command\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); command.handle_stop_signals(command._end_on_signal)\n"
        "os.kill(os.getpid(), signal.SIGHUP); print('the start goes on')"
    )
    assert _run(sys.executable, "-c", code).stdout == "the start goes on\n"


def test_the_usage_is_printed() -> None:
    """``--help`` names the options and their defaults, and is not an error."""
    process = _run("serve", "--help")
    assert process.returncode == 0
    assert "--port PORT" in process.stdout


def test_another_first_argument_is_a_program() -> None:
    """``docker run IMAGE program`` runs the program in place of the service, with its exit code."""
    process = _run(sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "--port", "serve")
    assert process.returncode == 7
    assert process.stdout == "['--port', 'serve']\n"


def test_an_unknown_program_is_named() -> None:
    """A program that does not exist gives a shell's exit code and one line."""
    process = _run("no-such-program")
    assert process.returncode == 127
    assert process.stderr == "error: 'no-such-program' cannot be run: No such file or directory\n"


def test_a_package_of_another_computer_is_one_line(tmp_path: Path) -> None:
    """A compiled package for another processor ends the start with one line that names the cause and the remedy."""
    package = tmp_path / "numpy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "try:\n    from numpy import _core\nexcept ImportError as error:\n    raise ImportError('a page\\nof advice') from error\n",
        encoding="utf-8",
    )
    (package / "_core.abi3.so").write_bytes(b"\x7fELF of another machine")
    process = _run("serve", "--port", "0", PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="")
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert "_core.abi3.so" in process.stderr
    assert "Build the image for this platform" in process.stderr


def test_the_first_cause_of_an_import_error_is_shown() -> None:
    """The message of the outermost error, a page of advice, is omitted."""
    error = ImportError("advice\nadvice")
    error.__cause__ = ImportError("libx.so:\n wrong ELF class")
    assert import_fault(error).startswith("ImportError: libx.so: wrong ELF class. Expected the packages")
