"""Progress shows that a run is active, separates stdout and stderr, and writes plain lines outside a terminal."""

from __future__ import annotations

import io
import threading
import time

import pytest

from training.progress import BOX_WIDTH, Progress, align, silence


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture
def streams() -> tuple[io.StringIO, io.StringIO]:
    """Stdout and stderr of a pipe."""
    return io.StringIO(), io.StringIO()


def test_step_prints_its_title_detail_and_time(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """A finished step is one line with its detail and its duration."""
    out, err = streams
    with Progress(out, err).step("Fit") as step:
        step.detail = "40 trees"
    assert out.getvalue().rstrip().endswith("s  Fit: 40 trees (0.0 s)")
    assert err.getvalue() == ""


def test_failing_step_prints_that_it_failed(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """The error is raised to the caller, and the line names the step."""
    with pytest.raises(ValueError, match="no"), Progress(*streams).step("Fit"):
        raise ValueError("no")
    assert "Fit (failed after 0.0 s)" in streams[0].getvalue()


def test_long_step_prints_that_it_is_running() -> None:
    """Without a spinner, a running step prints its duration repeatedly."""
    has_printed = threading.Event()

    class SignallingStream(io.StringIO):
        def write(self, text: str) -> int:
            if "so far" in text:
                has_printed.set()
            return super().write(text)

    out = SignallingStream()
    with Progress(out, io.StringIO(), heartbeat_s=0.001).step("Fit"):
        assert has_printed.wait(timeout=30)
    assert "Fit ... (0 s so far)" in out.getvalue()


def test_no_heartbeat_after_the_step(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """The thread of the heartbeat ends with its step."""
    n_threads = threading.active_count()
    with Progress(*streams, heartbeat_s=0.001).step("Fit"):
        pass
    assert threading.active_count() == n_threads


def test_terminal_gets_a_spinner_and_keeps_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a spinner moves while the step runs; afterwards the line of the finished step remains."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with Progress(out, io.StringIO()).step("Fit [all]") as step:
        deadline = time.monotonic() + 30
        while "Fit [all]" not in out.getvalue() and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        step.detail = "done"
    assert "\x1b[" in out.getvalue()
    assert out.getvalue().endswith("Fit [all]: done (" + out.getvalue().rpartition("(")[2])


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_no_spinner_in_a_log(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """In CI and on a dumb terminal the output is plain lines."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    out = Terminal()
    with Progress(out, io.StringIO()).step("Fit"):
        pass
    assert "\x1b" not in out.getvalue()


def test_warning_is_a_box_on_stderr(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """A warning is a box of lines of equal length on stderr; stdout remains for scripts."""
    out, err = streams
    Progress(out, err).warn("SYNTHETIC DATA: " + "made up " * 40)
    lines = err.getvalue().splitlines()
    assert {len(line) for line in lines} == {BOX_WIDTH}
    assert lines[0] == lines[-1] == "!" * BOX_WIDTH
    assert "SYNTHETIC DATA" in lines[1]
    assert out.getvalue() == ""


def test_failure_goes_to_stderr(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """A failure is one message on stderr."""
    Progress(*streams).fail("no data")
    assert streams[1].getvalue() == "error: no data\n"


def test_tables_are_aligned(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """In a table the first column is left-aligned and numbers are right-aligned; in a listing both columns are left-aligned."""
    progress = Progress(*streams)
    progress.table("Metrics", [("RMSE", "1,234"), ("R²", "0.9")])
    progress.listing("Saved", [("bundle", "x:1"), ("in", "/y")])
    assert streams[0].getvalue() == ("\nMetrics\n  RMSE  1,234\n  R²      0.9\n\nSaved\n  bundle  x:1\n  in      /y\n")


def test_empty_and_uneven_tables() -> None:
    """No rows give no lines; rows of different lengths are an error."""
    assert align([]) == []
    with pytest.raises(ValueError, match="shorter"):
        align([("a", "b"), ("c",)])


def test_silence_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Silent progress prints nothing, for code that uses training as a library."""
    progress = silence()
    with progress.step("Fit") as step:
        step.detail = "x"
    progress.say("a")
    progress.warn("b")
    progress.table("c", [("d", "e")])
    progress.listing("f", [("g", "h")])
    assert capsys.readouterr() == ("", "")
