"""A record becomes one line of JSON, or text for a terminal, and neither can be forged by a client."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest

from monitoring.service_log.configure import LogHandler, make_format
from monitoring.service_log.formats import LINE_BYTES, JsonFormat, TextFormat, printable, shows_colours


def _record(
    message: str = "a line", *arguments: object, name: str = "tabento.serving", **extra: Any
) -> logging.LogRecord:
    record = logging.getLogger(name).makeRecord(
        name, logging.WARNING, __file__, 1, message, arguments, None, extra=extra
    )
    record.exc_info = sys.exc_info() if sys.exc_info()[0] else None
    return record


def _line(record: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormat("worker").format(record)
    assert "\n" not in text
    fields: dict[str, Any] = json.loads(text)
    return fields


def test_a_line_has_the_fields_of_its_record() -> None:
    """Time, level, process, logger, message, and the id of the request that it concerns."""
    fields = _line(_record("%d of %s", 3, "x", request_id="id-1", trace_id="t", value="planted"))
    assert fields.pop("time").endswith("+00:00")
    assert fields.pop("pid") > 0
    assert fields == {
        "level": "warning",
        "process": "worker",
        "logger": "tabento.serving",
        "message": "3 of x",
        "request_id": "id-1",
        "trace_id": "t",
    }


def test_an_exception_in_a_line_of_a_request_is_masked() -> None:
    """Its message in the text and in the traceback has no value; a line that concerns no request keeps its text."""
    try:
        float("planted")
    except ValueError as error:
        of_request = _line(_record("request %s: %s", "a", error, request_id="a"))
        of_file = _line(_record("the key file: %s", OSError("cannot read 'keys.json'")))
        of_asyncio = _line(_record(f"Task exception was never retrieved: {error!r}", name="asyncio"))
    assert "planted" not in f"{of_request['message']}{of_asyncio['message']}"
    assert "could not convert string to float: …" in of_request["message"]
    assert "ValueError: could not convert string to float: …" in of_request["exception"]
    assert of_file["message"] == "the key file: cannot read 'keys.json'"


def test_a_line_that_does_not_fit_its_arguments_is_written() -> None:
    """A defect of the program must not lose the line, nor print the arguments."""
    assert _line(_record("%d", "planted"))["message"] == "%d (the arguments of this line do not fit it)"


def test_a_long_line_is_shortened() -> None:
    """A line is at most one write into a pipe long, whatever characters it has; its beginning and its end stay."""
    for character in ("x", "\n", "\u20ac", '"'):
        try:
            raise RuntimeError("end")
        except RuntimeError:
            record = _record("start " + character * 9_000 + " end")
        text = JsonFormat("worker").format(record)
        assert len(text.encode()) < LINE_BYTES
        fields = json.loads(text)
        assert fields["message"].startswith("start ")
        assert fields["message"].endswith(" end")


def test_text_for_a_terminal_is_one_line() -> None:
    """A client cannot begin a line, move the cursor or colour the text; the traceback follows on lines of its own."""
    text = TextFormat("worker", colours=False).format(
        _record("path %s", "/a\n2026 ERROR\x1b[31m\u2028", request_id="a")
    )
    assert text.endswith(r"tabento.serving: path /a\n2026 ERROR\x1b[31m\u2028 request_id=a")
    assert printable("äöü €") == "äöü €"
    try:
        raise ValueError("x")
    except ValueError:
        lines = TextFormat("worker", colours=True).format(_record()).split("\n")
    assert "\x1b[33mWARNING \x1b[0m" in lines[0]
    assert lines[-1] == "ValueError: x"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_format_follows_the_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    """``auto`` is text on a terminal and JSON elsewhere; NO_COLOR switches colours off."""
    kinds = {
        (name, type(stream).__name__): type(make_format(name, "worker", stream))
        for name in ("auto", "json", "text")
        for stream in (_Terminal(), io.StringIO())
    }
    assert [kind for kind, format_type in kinds.items() if format_type is TextFormat] == [
        ("auto", "_Terminal"),
        ("text", "_Terminal"),
        ("text", "StringIO"),
    ]
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert shows_colours(_Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_colours(_Terminal())


def test_a_line_that_cannot_be_written_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """A closed pipe or a full disk raises nothing, and prints no arguments."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    handler = LogHandler()
    handler.setStream(Full())
    handler.handle(_record("%s", "planted"))
    assert capsys.readouterr() == ("", "")
