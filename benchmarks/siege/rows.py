"""Rows of the besieged model, and the sums that it must answer: both follow from one number."""

from __future__ import annotations

import json
from typing import Any

KINDS = ("AMBER", "BIRCH", "CEDAR")


def row(number: int) -> dict[str, Any]:
    """Return the row of a number, from 0 to 2**40."""
    return {
        "count": number,
        "width": number % 32 / 4,
        "marked": number % 2 == 0,
        "kind": KINDS[number % 3],
        "slope": None if number % 5 == 0 else float(number % 7),
    }


def prediction(number: int) -> float:
    """Return the model's answer to the row of a number; every term is exact in float64."""
    content = row(number)
    slope = content["slope"] or 0.0
    return float(
        content["count"] + 2 * content["width"] + 3 * content["marked"] + 4 * KINDS.index(content["kind"]) + 5 * slope
    )


def body(number: int) -> bytes:
    """Return a request's body: the row of a number."""
    return json.dumps(row(number)).encode()


def batch_body(numbers: range) -> bytes:
    """Return a request's body with the row of each number."""
    return json.dumps({"instances": [row(number) for number in numbers]}).encode()
