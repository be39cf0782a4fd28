"""The values of options: shares, durations, steps, the sticky property, and limits."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from rollout.document import Limits

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])").fullmatch
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%").fullmatch
_NUMBER = re.compile(r"\d*\.?\d+").fullmatch
NOT_LIMITED = "off"
DEFAULT_HOLD = "1h"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``30m``.

    Raises:
        click.BadParameter: it is not one.
    """
    match = _DURATION(text.strip())
    if match is None:
        raise click.BadParameter(f"expected a duration such as 90s, 30m, 1h or 1d, got {text!r}")
    return float(match[1]) * UNIT_S[match[2]]


def duration_text(seconds: float) -> str:
    """Return a duration in its largest whole unit, such as ``1h``; a mixed one to two units."""
    rest = max(int(seconds), 0)
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, UNIT_S[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def parse_share(text: str) -> float:
    """Return the share of ``10%`` or ``0.1``.

    Raises:
        click.BadParameter: it is not a share above 0 and up to 1.
    """
    match = _PERCENT(text.strip())
    if match is not None:
        share = float(match[1]) / 100
    elif _NUMBER(text.strip()):
        share = float(text)
    else:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"expected a share such as 10% or 0.1, up to 100%, got {text!r}")
    return share


def parse_steps(text: str, hold: str) -> list[dict[str, float]]:
    """Return the steps of a canary.

    Args:
        text: shares, separated by commas, each with a duration of its own if wanted: ``1%:30m,10%,100%``.
        hold: the duration of the other steps.

    Raises:
        click.BadParameter: a share or a duration is wrong.
    """
    steps = []
    for item in text.split(","):
        share, _, duration = item.partition(":")
        steps.append({"share": parse_share(share), "hold_s": parse_duration(duration or hold)})
    return steps


def parse_sticky(text: str) -> dict[str, str]:
    """Return the property of ``key``, ``request``, ``header:NAME`` or ``field:NAME``.

    Raises:
        click.BadParameter: it is none of them.
    """
    by, _, name = text.partition(":")
    if by not in ("key", "request", "header", "field") or (by in ("header", "field")) != bool(name):
        raise click.BadParameter(f"expected key, request, header:NAME or field:NAME, got {text!r}")
    return {"by": by, "name": name} if name else {"by": by}


def parse_limits(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the limits of texts such as ``error_rate=2%`` or ``answer_drift=off``.

    Raises:
        click.BadParameter: a limit is unknown, or its value is not one.
    """
    limits: dict[str, Any] = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        if name not in Limits.model_fields or not has_value:
            raise click.BadParameter(f"expected NAME=VALUE with one of {', '.join(Limits.model_fields)}, got {text!r}")
        limits[name] = _limit_value(name, value)
    return limits


def _limit_value(name: str, value: str) -> Any:
    if value == NOT_LIMITED:
        return False if name == "answer_drift" else None
    if value == "on" and name == "answer_drift":
        return True
    if match := _PERCENT(value):
        return float(match[1]) / 100
    try:
        number = json.loads(value)
    except ValueError:
        number = None
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise click.BadParameter(f"expected a number, a percentage or {NOT_LIMITED} for {name}, got {value!r}")
    return number
