"""The numbers in the query of a request."""

from __future__ import annotations

import math
import re

_is_number = re.compile(r"[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def plain_number(text: str) -> float:
    """Return a number of ASCII digits, at least 0; NaN for another text, which ``float`` may accept, such as ``1_0`` or ``nan``."""
    return float(text) if _is_number(text) else math.nan
