"""The generator is compiled once for each source, and a missing compiler is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.loadgen.build import build_loadgen, compiler
from benchmarks.process import BenchmarkError


@pytest.mark.skipif(compiler() is None, reason="the load generator is C, and this machine has no compiler")
def test_compiled_once(tmp_path: Path) -> None:
    """The second call returns the program of the first, and the folder has no other file."""
    program = build_loadgen(tmp_path / "programs")
    built_ns = program.stat().st_mtime_ns
    assert build_loadgen(tmp_path / "programs") == program
    assert program.stat().st_mtime_ns == built_ns
    assert list(program.parent.iterdir()) == [program]


def test_no_compiler_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing compiler and the way to install it."""
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BenchmarkError, match=r"found no 'no-such-compiler' on the PATH\. Install one .*gcc"):
        build_loadgen(tmp_path)


def test_a_failing_compiler_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the compiler's output, and no incomplete program stays."""
    broken_compiler = tmp_path / "broken-cc"
    broken_compiler.write_text("#!/bin/sh\necho no such header >&2\nexit 1\n", encoding="utf-8")
    broken_compiler.chmod(0o700)
    monkeypatch.setenv("CC", str(broken_compiler))
    with pytest.raises(BenchmarkError, match=r"could not compile loadgen\.c:\nno such header"):
        build_loadgen(tmp_path / "programs")
    assert not list((tmp_path / "programs").iterdir())
