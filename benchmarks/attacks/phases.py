"""The phases of the benchmark: each attack beside good clients, whose latencies and errors are measured.

The attackers run in a process of their own at a low priority, so that their computations are not part of the latencies.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.attacks.corpus import hostile_requests
from benchmarks.attacks.key_guessing import run_guessing
from benchmarks.attacks.slowloris import attack_slowly
from benchmarks.attacks.volley import fire
from benchmarks.process import run
from benchmarks.siege.clients import GoodClients
from benchmarks.siege.service import BesiegedService
from serving.settings import ServingSettings

GOOD_CLIENTS = 8
PAUSE_S = 0.01
"""The pause of each of the attackers' connections between two hostile requests, some 600 in a second for all."""
_PRIORITY = 10

Attack = Callable[[], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class GoodFigures:
    """The figures of the good clients in one phase."""

    requests: int
    refused: int
    wrong: int
    lost: int
    hung: int
    p50_ms: float | None
    p99_ms: float | None

    @property
    def error_share(self) -> float:
        """The share of requests without the right answer; 503 counts as an error as well."""
        return (self.refused + self.wrong + self.lost + self.hung) / max(self.requests, 1)


async def beside_good_clients(
    service: BesiegedService, seed: int, attack: Attack, headers: Sequence[str] = ()
) -> dict[str, Any]:
    """Run an attack beside good clients; return the attack's results and the clients' figures.

    Args:
        service: the attacked service.
        seed: of the good clients.
        attack: the attack.
        headers: more header lines of the good clients.
    """
    clients = GoodClients(service.port, seed, count=GOOD_CLIENTS, headers=headers)
    try:
        results = await attack()
        await clients.pause()
    finally:
        await clients.stop()
    figures = clients.take()
    good = GoodFigures(
        requests=figures.requests,
        refused=figures.refused,
        wrong=figures.wrong,
        lost=figures.lost,
        hung=figures.hung,
        p50_ms=_round(figures.quantile_ms(0.5)),
        p99_ms=_round(figures.quantile_ms(0.99)),
    )
    return {"attack": results, "good": asdict(good) | {"error_share": good.error_share}}


def in_other_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> Attack:
    """Return an attack that runs a function in a process of its own."""

    async def attack() -> dict[str, Any]:
        with ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=os.nice, initargs=(_PRIORITY,)
        ) as pool:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)

    return attack


def wait_quietly(seconds: float) -> Attack:
    """Return an attack that does nothing for some seconds: the baseline."""

    async def attack() -> None:
        await asyncio.sleep(seconds)

    return attack


def run_volley(port: int, count: int, seed: int) -> dict[str, Any]:
    """Send hostile requests; see ``benchmarks.attacks.volley``."""
    return asyncio.run(fire(port, hostile_requests(seed), count, pause_s=PAUSE_S)).to_json()


def run_slowloris(port: int, sockets: int, seconds: float, seed: int) -> dict[str, Any]:
    """Hold slow sockets; see ``benchmarks.attacks.slowloris``."""
    return asyncio.run(attack_slowly(port, seed, sockets=sockets, seconds=seconds)).to_json()


def run_key_guessing(port: int, secret: str, guesses: int, seed: int) -> dict[str, Any]:
    """Send wrong keys; see ``benchmarks.attacks.key_guessing``."""
    return run_guessing(port, secret, guesses, seed).to_json()


def without_attempt_limit() -> dict[str, str]:
    """Return the variables that let every wrong key be looked up, because only then its time tells something."""
    name = "auth_failures_per_minute"
    return {f"TABENTO_{name.upper()}": "1000000"} if name in ServingSettings.model_fields else {}


def has_keys() -> bool:
    """Return whether this version of the service has API keys."""
    return "api_keys_file" in ServingSettings.model_fields


def create_key(python: str, file: Path) -> str:
    """Create an API key in a new file, and return its secret.

    Raises:
        BenchmarkError: the command failed.
    """
    return run(python, "-m", "tabento", "keys", "create", "--owner", "attacks", "--file", str(file)).splitlines()[-1]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
