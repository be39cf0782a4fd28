"""Bodies that once cost most, or that clients are likely to send, each for the narrow contract."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.decode_cost.contracts import MAX_ROWS, right_row
from tabento.bundle.contract import Contract

LARGE = 4 * 1024 * 1024
"""The largest body that the service takes by default."""


def _rows(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"instances": rows}, separators=(",", ":")).encode()


def _unknown_keys(size: int) -> bytes:
    return b"{" + b",".join(b'"":0' for _ in range(size // 5)) + b"}"


def _repeat(begin: bytes, piece: bytes, end: bytes, size: int = LARGE) -> bytes:
    return begin + piece * ((size - len(begin) - len(end)) // len(piece)) + end


def named_bodies(contract: Contract) -> dict[str, bytes]:
    """Return the bodies by their description."""
    row = right_row(contract)
    field = next(iter(row))
    rows = [row] * MAX_ROWS
    category = {**row, "ocean_proximity": "near bay"}
    odd_category = {**row, "ocean_proximity": "nEaR bAy"}
    bad = {**row, field: "x"}
    return {
        "1,000 right rows": _rows(rows),
        "1,000 rows, one category in lower case": _rows([*rows[:-1], category]),
        "1,000 rows, all categories in mixed case": _rows([odd_category] * MAX_ROWS),
        "1,000 rows, the last one bad": _rows([*rows[:-1], bad]),
        "1,000 rows, every tenth bad": _rows([bad if index % 10 == 0 else row for index in range(MAX_ROWS)]),
        "1,001 rows": _rows([*rows, row]),
        "1,000 rows, cut at the end": _rows(rows)[:-3],
        "1,000 rows with blanks, 4 MiB": _repeat(
            b'{"instances": [' + b",".join([json.dumps(row).encode()] * 999),
            b" ",
            b"," + json.dumps(row).encode() + b"]}",
        ),
        "unknown keys, 4 MiB": _unknown_keys(LARGE),
        "unknown keys, 40 KB": _unknown_keys(40_000),
        "empty rows, 4 MiB": _repeat(b'{"instances":[', b"{},", b"{}]}"),
        "a list in a field, 4 MiB": _repeat(f'{{"{field}":['.encode(), b"1,", b"1]}"),
        "a list in a field, 16 KB": _repeat(f'{{"{field}":['.encode(), b"1,", b"1]}", 16_000),
        "one string, 4 MiB": _repeat(b'{"ocean_proximity":"', b"a", b'"}'),
        "one string of escapes, 4 MiB": _repeat(b'{"ocean_proximity":"', b"\\n", b'"}'),
        "one string of two-byte characters, 4 MiB": _repeat(b'{"ocean_proximity":"', "é".encode(), b'"}'),
        "one integer, 4 MiB": _repeat(f'{{"{field}":'.encode(), b"7", b"}"),
        "one fraction, 4 MiB": _repeat(f'{{"{field}":0.'.encode(), b"7", b"}"),
        "line ends, 4 MiB": _repeat(b"", b"\n", b"x"),
        "opening brackets, 4 MiB": _repeat(b"", b"[", b""),
    }
