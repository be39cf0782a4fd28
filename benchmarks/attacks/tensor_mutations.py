"""Hostile requests of the Open Inference Protocol: JSON tensors and binary tensors whose parts contradict each other."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from benchmarks.attacks.json_mutations import VALUES
from benchmarks.siege.attackers.mutations import mutate_bytes
from benchmarks.siege.rows import KINDS, row
from benchmarks.siege.wire import request

PATH = "/v2/models/siege/infer"
DATATYPES = (
    *("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT64", "FP16", "FP32", "FP64", "BYTES"),
    *("BF16", "STRING", "fp64", "", None, 64),
)
SHAPES: tuple[Any, ...] = (
    *(
        [1],
        [1, 1],
        [2],
        [0],
        [-1],
        [2**31],
        [2**63],
        [1, 5],
        [5, 1],
        [1, 1, 1],
        [],
        [1.5],
        ["1"],
        [None],
        [[1]],
        None,
        "1",
        1,
    ),
    [1] * 60,
)
LENGTHS: tuple[Any, ...] = (0, 1, 7, 8, 9, -1, 2**31, 2**63, 1.5, "8", None, [8])
COLUMNS = {"count": "INT64", "width": "FP64", "marked": "BOOL", "kind": "BYTES", "slope": "FP64"}


def attack_tensors(rng: random.Random) -> bytes:
    """Return a request of tensors with some mistakes; one in ten has none."""
    is_binary = rng.random() < 0.5
    number = rng.randrange(1, 1_000)
    content: dict[str, Any] = {"id": f"id-{number}", "inputs": _tensors(number)}
    parts = [_layout(tensor) for tensor in content["inputs"]] if is_binary else []
    if is_binary:
        for tensor, part in zip(content["inputs"], parts, strict=True):
            del tensor["data"]
            tensor["parameters"] = {"binary_data_size": len(part)}
    if rng.random() < 0.9:
        for _ in range(rng.randint(1, 3)):
            _change(content, parts, rng)
    head = json.dumps(content).encode("utf-8", "backslashreplace")
    if rng.random() < 0.1:
        head = mutate_bytes(head, rng)
    data = head + b"".join(parts)
    headers = []
    if is_binary:
        length: Any = len(head) if rng.random() < 0.8 else rng.choice((*LENGTHS, len(data) + 1, len(head) - 1))
        headers = ["Content-Type: application/octet-stream", f"Inference-Header-Content-Length: {length}"]
    return _request(data, headers, rng)


def _request(data: bytes, headers: list[str], rng: random.Random) -> bytes:
    path = PATH if rng.random() < 0.9 else rng.choice(("/v2/models/other/infer", "/v2/models/siege/versions/9/infer"))
    content = request(data, *headers, "Connection: close", path=path)
    # The helper's own type of content would be a second header.
    return content.replace(b"Content-Type: application/json\r\n", b"", 1) if headers else content


def _tensors(number: int) -> list[dict[str, Any]]:
    """Return the inputs for the row of a number."""
    content = row(number)
    return [
        {"name": name, "shape": [1], "datatype": datatype, "data": [0.0 if content[name] is None else content[name]]}
        for name, datatype in COLUMNS.items()
    ]


def _layout(tensor: dict[str, Any]) -> bytes:
    """Return the data of a tensor in the binary layout."""
    value = tensor["data"][0]
    if tensor["datatype"] == "BYTES":
        text = str(value).encode()
        return struct.pack("<I", len(text)) + text
    return struct.pack({"INT64": "<q", "FP64": "<d", "BOOL": "<?"}[tensor["datatype"]], value)


def _change(content: dict[str, Any], parts: list[bytes], rng: random.Random) -> None:
    """Put one mistake into the tensors, their parameters or their bytes."""
    tensors = content["inputs"]
    if not isinstance(tensors, list) or not tensors:
        return
    tensor = rng.choice(tensors)
    if not isinstance(tensor, dict) or not tensor:
        return
    way = rng.randrange(11)
    if way == 0:
        tensor["shape"] = rng.choice(SHAPES)
    elif way == 1:
        tensor["datatype"] = rng.choice(DATATYPES)
    elif way == 2:
        tensor["name"] = rng.choice((*COLUMNS, "", "other", "input", None, 5, "a" * 3_000))
    elif way == 3 and "data" in tensor:
        tensor["data"] = rng.choice((rng.choice(VALUES), [rng.choice(VALUES)], [[tensor["data"]]], [*KINDS] * 500))
    elif way == 4:
        tensor["parameters"] = rng.choice(
            ({"binary_data_size": rng.choice(LENGTHS)}, None, [], {"classification": 3}, {"shared_memory_region": "a"})
        )
    elif way == 5:
        del tensor[rng.choice(sorted(tensor))]
    elif way == 6:
        tensors.append(dict(tensor))
    elif way == 7 and len(tensors) > 1:
        tensors.remove(tensor)
    elif way == 8:
        content["outputs"] = rng.choice(
            (
                [],
                [{"name": "other"}],
                [{"name": "sum", "parameters": {"binary_data": True}}],
                [1],
                "sum",
                [{"name": "sum"}] * 90,
            )
        )
    elif way == 9:
        content[rng.choice(("id", "parameters", "inputs", "other"))] = rng.choice(VALUES)
    elif parts:
        place = rng.randrange(len(parts))
        parts[place] = rng.choice((b"", parts[place][:-1], parts[place] * 2, struct.pack("<I", 2**32 - 1), b"\xff" * 9))
