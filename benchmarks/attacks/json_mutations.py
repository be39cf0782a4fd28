"""Hostile JSON bodies: valid rows whose values, keys or structure are changed, and texts that are almost JSON."""

from __future__ import annotations

import json
import random
from typing import Any

from benchmarks.siege.rows import row

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**53, -(2**53), 2**63, 10**30, 10**400, 1e308, -1e308, 5e-324, 0.1),
    *("", " ", "AMBER", "amber", "ambe\u0300r", "null", "true", "1", "1e3", "NaN", "\x00", "\ufeff", "\ud800", "'", '"', "\\"),
    *("../../etc/passwd", "${jndi:ldap://localhost/a}", "{{7*7}}", "'; DROP TABLE rows; --", "<script>alert(1)</script>"),
    *("%s%n", "A" * 5_000, "é" * 300, "\U0001f600", "2026-02-30T25:61:61Z", "__class__", [], {}, [[]], [1, 2], {"a": {"b": [1]}}),
)  # fmt: skip
KEYS = (
    *("", " ", "count ", "COUNT", "instances", "inputs", "dataframe_split", "data", "__proto__", "constructor"),
    *("__class__", "$where", "count\x00", "ｃount", "a" * 3_000, "request_id", "clipped", "prediction", "\ud800", '"'),
)
LITERALS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "01",
    "1.",
    ".5",
    "+1",
    "0x10",
    "1_000",
    "nul",
    "True",
    "'a'",
    "1" * 5_000,
)
TOKENS = ("{", "}", "[", "]", ":", ",", '"', "\\", "\\u12", "\n", "//", "/* */", "\x00", "\ufeff", "null", "{}" * 40)
DEEP = (10, 260, 5_000, 50_000)


def mutate_json(rng: random.Random) -> bytes:
    """Return a body that is JSON, or almost JSON, and seldom a valid row."""
    content: Any = row(rng.randrange(1_000))
    for _ in range(rng.randint(1, 3)):
        content = _change_row(content, rng)
    way = rng.randrange(8)
    if way == 0:
        content = {"instances": [content] * rng.choice((0, 1, 2, 40))}
    elif way == 1:
        content = {"instances": rng.choice(VALUES)}
    elif way == 2:
        content = [content]
    elif way == 3:
        content = {"instances": [row(1), content, row(2)], rng.choice(KEYS): rng.choice(VALUES)}
    elif way == 4:
        content = _foreign_shape(content, rng)
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.4:
        text = _change_text(text, rng)
    encoding = rng.choices(("utf-8", "utf-16", "utf-8-sig", "latin-1"), (20, 1, 1, 1))[0]
    return text.encode(encoding, "backslashreplace")


def _foreign_shape(content: dict[str, Any], rng: random.Random) -> Any:
    """Return a row as MLflow's and other servers' clients send it, at times with parts that do not fit each other."""
    columns: list[Any] = [*content]
    values: list[Any] = [*content.values()]
    rng.choice((columns, values)).extend(rng.choice(([], [], [None], ["count"])))
    return rng.choice(
        (
            {"dataframe_split": {"columns": columns, "data": [values]}},
            {"dataframe_split": {"index": [0, 1], "columns": columns, "data": [values, values[:-1]]}},
            {"dataframe_records": [content, rng.choice(VALUES)]},
            {"inputs": {name: [value] for name, value in content.items()}, "params": rng.choice(VALUES)},
            {"inputs": [content], "instances": [content]},
            {"instances": [values]},
        )
    )


def _change_row(content: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a row with one value changed, one field lost, or one field more."""
    changed = dict(content)
    way = rng.randrange(4)
    key = rng.choice(sorted(changed)) if changed else "count"
    if way == 0:
        changed.pop(key, None)
    elif way == 1:
        changed[rng.choice(KEYS)] = rng.choice(VALUES)
    else:
        changed[key] = rng.choice(VALUES)
    return changed


def _change_text(text: str, rng: random.Random) -> str:
    """Return a JSON text with a literal, token or key that does not belong there, cut, or nested deeply."""
    place = rng.randrange(len(text) + 1)
    way = rng.randrange(6)
    if way == 0:
        return text[:place]
    if way == 1:
        return text[:place] + rng.choice(TOKENS) + text[place:]
    if way == 2:
        return text.replace("true", rng.choice(LITERALS)).replace("0", rng.choice(LITERALS), 1)
    if way == 3:
        depth = rng.choice(DEEP)
        opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
        return f'{{"count": {opening * depth}1{closing * (depth if rng.random() < 0.5 else 0)}}}'
    if way == 4:
        return text[:-1] + ', "count": 3, "count": 4}'
    return text + rng.choice((text, "\n" * 100, "x", "\x00"))
