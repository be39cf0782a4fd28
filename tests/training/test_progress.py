"""Progress shows that a run is alive, keeps stdout and stderr apart, and plain where nobody watches."""

from __future__ import annotations

import io
import threading
import time

import pytest

from training.progress import BOX_WIDTH, Progress, align, silence


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture
def streams() -> tuple[io.StringIO, io.StringIO]:
    """Stdout and stderr of a pipe."""
    return io.StringIO(), io.StringIO()


def test_step_tells_its_title_detail_and_time(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """A step that ends is one line with what it found and how long it took."""
    out, err = streams
    with Progress(out, err).step("Fit") as step:
        step.detail = "40 trees"
    assert out.getvalue().rstrip().endswith("s  Fit: 40 trees (0.0 s)")
    assert err.getvalue() == ""


def test_failing_step_says_that_it_failed(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """The error goes on to the caller, and the line shows at which step it happened."""
    with pytest.raises(ValueError, match="no"), Progress(*streams).step("Fit"):
        raise ValueError("no")
    assert "Fit (failed after 0.0 s)" in streams[0].getvalue()


def test_long_step_shows_that_it_is_alive() -> None:
    """Where no spinner can turn, a running step prints lines of life."""
    beaten = threading.Event()

    class Listening(io.StringIO):
        def write(self, text: str) -> int:
            if "so far" in text:
                beaten.set()
            return super().write(text)

    out = Listening()
    with Progress(out, io.StringIO(), heartbeat_s=0.001).step("Fit"):
        assert beaten.wait(timeout=30)
    assert "Fit ... (0 s so far)" in out.getvalue()


def test_no_line_of_life_after_the_step(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """The heartbeat ends with its step."""
    before = threading.active_count()
    with Progress(*streams, heartbeat_s=0.001).step("Fit"):
        pass
    assert threading.active_count() == before


def test_terminal_gets_a_spinner_and_keeps_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the spinner moves the cursor while the step runs; the line of the ended step stays."""
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
def test_no_spinner_where_it_would_spoil_the_log(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """In CI and on a dumb terminal the output is plain lines."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    out = Terminal()
    with Progress(out, io.StringIO()).step("Fit"):
        pass
    assert "\x1b" not in out.getvalue()


def test_warning_is_a_box_on_stderr(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """A warning stands in a box of even lines, away from the output that scripts read."""
    out, err = streams
    Progress(out, err).warn("SYNTHETIC DATA: " + "made up " * 40)
    lines = err.getvalue().splitlines()
    assert {len(line) for line in lines} == {BOX_WIDTH}
    assert lines[0] == lines[-1] == "!" * BOX_WIDTH
    assert "SYNTHETIC DATA" in lines[1]
    assert out.getvalue() == ""


def test_failure_goes_to_stderr(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """Why a run ended is one message on stderr."""
    Progress(*streams).fail("no data")
    assert streams[1].getvalue() == "error: no data\n"


def test_tables_are_aligned(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """First column to the left, numbers to the right; lists of names and values both to the left."""
    progress = Progress(*streams)
    progress.table("Metrics", [("RMSE", "1,234"), ("R²", "0.9")])
    progress.listing("Saved", [("bundle", "x:1"), ("in", "/y")])
    assert streams[0].getvalue() == ("\nMetrics\n  RMSE  1,234\n  R²      0.9\n\nSaved\n  bundle  x:1\n  in      /y\n")


def test_empty_and_uneven_tables() -> None:
    """No rows give no lines; rows of different length are a mistake."""
    assert align([]) == []
    with pytest.raises(ValueError, match="shorter"):
        align([("a", "b"), ("c",)])


def test_silence_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Code that runs training as a library hears nothing."""
    progress = silence()
    with progress.step("Fit") as step:
        step.detail = "x"
    progress.say("a")
    progress.warn("b")
    progress.table("c", [("d", "e")])
    progress.listing("f", [("g", "h")])
    assert capsys.readouterr() == ("", "")
