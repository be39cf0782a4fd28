"""What commands share that read the rows of a prediction log: times as options, progress on a terminal, content for JSON."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from tabento.bundle.timestamp import timestamp_seconds

PROGRESS_S = 1.0
_AGO = re.compile(r"([0-9]{1,6})([smhdw])").fullmatch
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[float]):
    """A time: ISO 8601 in UTC, or a duration before now such as ``7d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the Unix time in seconds."""
        if isinstance(value, float):
            return value
        text = str(value)
        if match := _AGO(text):
            return time.time() - int(match[1]) * _UNIT_S[match[2]]
        seconds = timestamp_seconds(text)
        if seconds is None:
            self.fail(
                f"expected a time such as 2026-11-20T08:00:00Z, or 7d for seven days ago, got {text!r}", param, ctx
            )
        return seconds


def row_progress() -> Callable[[int], None] | None:
    """Return a function that writes the number of records to a terminal, at most once a second; None without a terminal."""
    if not sys.stderr.isatty():
        return None
    started_s = last_s = time.monotonic()

    def show(n_read: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= PROGRESS_S:
            last_s = now_s
            click.echo(f"\r{n_read:,} rows, {n_read / (now_s - started_s):,.0f} a second", nl=False, err=True)

    return show


def finite(value: Any) -> Any:
    """Return content for JSON, which has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not -sys.float_info.max <= value <= sys.float_info.max else value
