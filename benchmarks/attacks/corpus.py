"""The corpus of hostile requests: seeded, of several families, endless."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.attacks.head_mutations import attack_head
from benchmarks.attacks.json_mutations import mutate_json
from benchmarks.attacks.tensor_mutations import attack_tensors
from benchmarks.siege.attackers.mutations import mutate_bytes, valid_request
from benchmarks.siege.wire import request

BODY_PATHS = ("/predict", "/predict", "/predict/batch", "/api/v1/predict", "/predict/", "/invocations")


@dataclass(frozen=True)
class HostileRequest:
    """One request of the corpus."""

    family: str
    data: bytes


def _bytes_request(rng: random.Random) -> bytes:
    return mutate_bytes(valid_request(rng), rng)


def _body_request(rng: random.Random) -> bytes:
    chunks = rng.choice((None, None, None, 7, 1_000))
    return request(mutate_json(rng), "Connection: close", path=rng.choice(BODY_PATHS), chunks=chunks)


FAMILIES: Mapping[str, Callable[[random.Random], bytes]] = MappingProxyType(
    {
        "bytes": _bytes_request,
        "json": _body_request,
        "head": attack_head,
        "tensors": attack_tensors,
    }
)
"""Each family with the function that draws a request: bytes anywhere; JSON bodies; targets, methods and headers; tensors."""


def hostile_requests(seed: int) -> Iterator[HostileRequest]:
    """Yield hostile requests without end, the families in turn; the same for the same seed."""
    rng = random.Random(seed)
    while True:
        for family, draw in FAMILIES.items():
            yield HostileRequest(family, draw(rng) or b"\0")
