"""The one line with which a start fails: which errors need no traceback, and how a library for another machine is named."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import logging
import os
import platform
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from monitoring.service_log.configure import STARTED_BY_VARIABLE
from runners.errors import RunnerError
from serving.operations.foreign_library import elf_machine
from serving.operations.start_failure import is_expected, quiet_worker_failure, reason_of
from serving.settings import SettingsError
from tabento.bundle.errors import BundleFormatError

ROOT = Path(__file__).parents[3]
ARM64, X86_64 = 183, 62


@pytest.mark.parametrize(
    "error", [SettingsError("x"), BundleFormatError("x"), RunnerError("x"), PermissionError(13, "x"), ImportError("x")]
)
def test_errors_raised_on_purpose_need_no_traceback(error: Exception) -> None:
    """Own errors, and errors that name a file or a package."""
    assert is_expected(error)


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), AssertionError(), RuntimeError("x")])
def test_defects_keep_their_traceback(error: Exception) -> None:
    """Python's own errors are no message to an operator."""
    assert not is_expected(error)


def test_a_reason_is_one_line() -> None:
    """The class and the message, without line ends; an empty message leaves the class."""
    assert reason_of(SettingsError("settings:\n  workers: got 'x'")) == "SettingsError: settings: workers: got 'x'"
    assert reason_of(RunnerError()) == "RunnerError"


def test_a_file_without_rights_has_the_user_and_the_remedy() -> None:
    """The system's own words name neither."""
    reason = reason_of(PermissionError(13, "Permission denied", "/bundle/model.onnx"))
    assert reason.startswith("PermissionError: /bundle/model.onnx: Permission denied. ")
    assert f"user {os.geteuid()}" in reason


def _library(path: Path, machine: int) -> Path:
    """Write a real library of this environment with another machine in its header."""
    specification = importlib.util.find_spec("numpy._core._multiarray_umath")
    assert specification is not None
    assert specification.origin is not None
    source = bytearray(Path(specification.origin).read_bytes())
    struct.pack_into("<H", source, 18, machine)
    path.write_bytes(source)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are ELF files on Linux only")
def test_a_library_for_another_machine_is_named(tmp_path: Path) -> None:
    """The loader only fails to open it; the reason names both machines and the remedy, also from an outer error."""
    name = f"foreign{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    path = _library(tmp_path / name, ARM64 if platform.machine() == "x86_64" else X86_64)
    specification = importlib.util.spec_from_file_location("foreign", path)
    assert specification is not None
    with pytest.raises(ImportError) as import_failure:
        importlib.util.module_from_spec(specification)
    outer = ImportError("numpy could not be imported\nsee its documentation")
    outer.__cause__ = import_failure.value
    for error in (import_failure.value, outer):
        reason = reason_of(error)
        assert f"{path} is a library for {'aarch64' if platform.machine() == 'x86_64' else 'x86_64'}" in reason
        assert f"this machine is {platform.machine()}" in reason


def test_other_import_errors_keep_their_message(tmp_path: Path) -> None:
    """A missing package, a library of this machine, and a file that is not a library."""
    assert reason_of(ModuleNotFoundError("No module named 'x'")).endswith("No module named 'x'")
    for content in (b"", b"\x7fELF", b"MZ" + bytes(30)):
        (tmp_path / "x.so").write_bytes(content)
        assert elf_machine(tmp_path / "x.so") is None
        assert reason_of(ImportError("no", path=str(tmp_path / "x.so"))) == "ImportError: no"
    assert elf_machine(tmp_path / "missing.so") is None
    assert elf_machine(Path(os.path.realpath(sys.executable))) in (platform.machine(), None)


def _run(block: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = f"""
        from serving.operations.start_failure import one_line_failure
        from serving.settings import SettingsError
        {block}
    """
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_an_expected_error_ends_the_process_with_one_line_of_the_log() -> None:
    """The exit code is 1; standard output has one record, also if another error was caused by it."""
    process = _run("with one_line_failure(): raise SettingsError('workers: got x')", "serve")
    assert process.returncode == 1
    assert process.stderr == ""
    record = json.loads(process.stdout)
    assert record["level"] == "critical"
    assert record["message"] == "The service has ended: SettingsError: workers: got x"
    assert "exception" not in record


def test_a_build_fails_in_plain_words() -> None:
    """`bentoml build` is not a service, so its standard error has a plain line."""
    process = _run("with one_line_failure(): raise SettingsError('workers: got x')", "build")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == "error: SettingsError: workers: got x\n"


def test_a_defect_is_printed_as_ever() -> None:
    """So is an error that was raised after an expected one had been handled."""
    process = _run("with one_line_failure(): raise KeyError('x')", "serve")
    assert process.returncode == 1
    assert "Traceback" in process.stderr


def test_libraries_do_not_repeat_the_reason_in_a_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After an expected error, errors of BentoML and uvicorn are dropped in a worker; other lines and other processes are not."""
    root = logging.getLogger()
    handler = logging.Handler()
    monkeypatch.setattr(root, "handlers", [handler])
    with pytest.raises(RunnerError), quiet_worker_failure():
        raise RunnerError("x")
    assert handler.filters == []
    monkeypatch.setenv(STARTED_BY_VARIABLE, str(os.getppid()))
    with pytest.raises(KeyError), quiet_worker_failure():
        raise KeyError("x")
    assert handler.filters == []
    with pytest.raises(RunnerError), quiet_worker_failure():
        raise RunnerError("x")

    def passes(name: str, level: int) -> bool:
        return bool(handler.filter(logging.LogRecord(name, level, "", 0, "text", None, None)))

    assert not passes("bentoml.serve", logging.ERROR)
    assert not passes("uvicorn.error", logging.ERROR)
    assert passes("uvicorn.error", logging.INFO)
    assert passes("tabento.serving", logging.ERROR)
