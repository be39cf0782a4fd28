"""Texts that studies and reports share: numbers in few digits, shortened names, and notices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tabento.bundle.json_text import json_text


@dataclass(frozen=True)
class Notice:
    """One finding of a study, as text."""

    level: Literal["warning", "note"]
    text: str


def format_short(value: float | None) -> str:
    """Write a number with at most four digits: 0.125, 12.5, 1,250, 125k, 1.25M; a dash for a missing number."""
    if value is None or math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 1e12:
        return f"{value:.3g}"
    if size >= 1e6:
        return f"{value / 1e6:,.4g}M"
    if size >= 1e4:
        return f"{value / 1e3:,.4g}k"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def format_score(value: float) -> str:
    """Write a score with five significant digits: 0.87031, 39,750, 2.9876."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.5g}"


def format_distinct(values: Sequence[float]) -> list[str]:
    """Write numbers with the fewest digits, at least three, that make different numbers differ."""
    for digits in range(3, 9):
        texts = [f"{value:,.{digits}g}" if abs(value) < 10**digits else format_short(value) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [f"{value:.15g}" for value in values]  # rounded: measured numbers


def format_percent(share: float | None) -> str:
    """Write a share as a percentage: 0, 0.012%, 3.4%, 20%; a dash for a missing share."""
    if share is None or math.isnan(share):
        return "–"
    if share == 0:
        return "0"
    return (
        f"{100 * share:.2g}%" if share < 0.0995 else f"{100 * share:.0f}%" if share < 0.995 else f"{100 * share:.4g}%"
    )


def truncate(text: str, characters: int = 22) -> str:
    """Shorten a text to a number of characters; the last one is an ellipsis then."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def format_json(figures: Mapping[str, Any]) -> str:
    """Write results as JSON; NaN and infinity become null, because JSON has no such numbers."""
    return json_text(_replace_non_finite(figures), indent=1)


def _replace_non_finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _replace_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
