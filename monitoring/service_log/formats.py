"""The two formats of the service log: a line of JSON, and text for a terminal.

Both have the same content: time, level, process, logger, message, the id of the request if the line concerns one, and the
traceback of an exception.
"""

from __future__ import annotations

import logging
import os
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitoring.service_log.redaction import hide_secrets, mask_values, masked_traceback

LINE_BYTES = 4_096
"""The largest number of bytes of a line of JSON. Linux writes so many into a pipe at once, so lines of several processes never mix."""
EXTRA_FIELDS = ("request_id", "trace_id")
"""The attributes of a record that become fields. No others do: an attribute might hold a value of a feature."""
CONCERNS_REQUESTS = ("asyncio", "uvicorn", "tabento.runners", "grpc", "concurrent")
"""Loggers whose lines come from the work on requests, also without an id: exceptions in their messages are masked as well."""
ACCESS_LOGGER = "tabento.access"
ACCESS_FIELDS = "access_fields"
"""The attribute of a record of the access log: its fields."""
CUT = "\n… (shortened) …\n"

_encode = msgspec.json.Encoder().encode
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def concerns_request(record: logging.LogRecord) -> bool:
    """Return whether the exceptions in the message of a record may repeat values of a request."""
    return getattr(record, "request_id", None) is not None or record.name.startswith(CONCERNS_REQUESTS)


def message_of(record: logging.LogRecord) -> str:
    """Return the message of a record without secrets and without values of features."""
    is_masked = concerns_request(record)
    arguments: Any = record.args
    if is_masked and isinstance(arguments, tuple):
        arguments = tuple(mask_values(str(value)) if isinstance(value, BaseException) else value for value in arguments)
    try:
        text = str(record.msg) % arguments if arguments else str(record.msg)
    except Exception:
        text = f"{record.msg} (the arguments of this line do not fit it)"
    if is_masked and not record.name.startswith("tabento"):
        text = mask_values(text)  # asyncio repeats the exception in its message
    return hide_secrets(text)


def exception_of(record: logging.LogRecord) -> str | None:
    """Return the traceback of a record without secrets and without values of features; None if it has no exception."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return None
    return hide_secrets(masked_traceback(error).rstrip("\n"))


def time_of(record: logging.LogRecord) -> str:
    """Return the time of a record: UTC, ISO 8601, with milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class JsonFormat(logging.Formatter):
    """Writes a record as one line of JSON of at most ``LINE_BYTES`` bytes.

    Args:
        process: the kind of this process: worker, supervisor or monitor.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line end."""
        fields: dict[str, Any] = {
            "time": time_of(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "pid": record.process,
            "logger": record.name,
        }
        access_fields = getattr(record, ACCESS_FIELDS, None)
        if access_fields is not None:
            return _encode(fields | access_fields).decode()
        fields["message"] = message_of(record)
        for name in EXTRA_FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                fields[name] = str(value)
        exception = exception_of(record)
        if exception is not None:
            fields["exception"] = exception
        line = _encode(fields)
        for name in ("exception", "message"):
            if len(line) >= LINE_BYTES and name in fields:
                fields[name] = _shorten(fields[name], len(line) - LINE_BYTES + 1)
                line = _encode(fields)
        return line.decode()


class TextFormat(logging.Formatter):
    """Writes a record for a person at a terminal; an exception follows on lines of its own.

    Args:
        process: the kind of this process.
        colours: whether levels are coloured.
    """

    _COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m", "DEBUG": "\x1b[2m"}

    def __init__(self, process: str, colours: bool) -> None:
        super().__init__()
        self._process = process
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the text, without its line end."""
        level = f"{record.levelname:<8}"
        if self._colours and record.levelname in self._COLOURS:
            level = f"{self._COLOURS[record.levelname]}{level}\x1b[0m"
        start = f"{time_of(record)[:23]} {level} {self._process} {record.process}"
        access_fields = getattr(record, ACCESS_FIELDS, None)
        if access_fields is not None:
            return printable(
                "{start} {method} {path} {status} {latency_ms} ms {client} request_id={request_id}".format(
                    start=start, **access_fields
                )
            )
        text = f"{start} {record.name}: {printable(message_of(record))}"
        for name in EXTRA_FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                text += f" {name}={printable(str(value))}"
        exception = exception_of(record)
        if exception is not None:
            text += "\n" + "\n".join(map(printable, exception.split("\n")))
        return text


def printable(text: str) -> str:
    """Return a text whose control characters are visible: a client must not write a line of its own, or colours."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def shows_colours(stream: Any) -> bool:
    """Return whether a stream is a terminal whose user has not switched colours off (no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR")


def _shorten(text: str, excess_bytes: int) -> str:
    """Return a text that is shorter in JSON by at least a number of bytes: its middle is cut, since its end says the most."""
    size = len(_encode(text))
    room = max(size - excess_bytes - len(_encode(CUT)), 0)
    share = room / size
    while True:
        kept_length = int(len(text) * share)
        head = kept_length // 4
        shortened = text[:head] + CUT + text[len(text) - (kept_length - head) :]
        if kept_length == 0 or len(_encode(shortened)) <= size - excess_bytes:
            return shortened
        share *= 0.8
