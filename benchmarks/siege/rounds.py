"""The course of a siege: rounds without attackers, rounds of one kind, rounds of mixes, and SIGTERM under attack."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from benchmarks.process import ROOT, BenchmarkError
from benchmarks.siege.clients import Figures, GoodClients
from benchmarks.siege.service import BesiegedService

BASELINE = "no attackers"
SETTLED_S = 20.0
"""The time after the attackers' end within which no request may be in flight."""
STOPPERS = ("never_read", "slow_read", "half_head", "half_body", "left_open", "flood", "thousand_rows")
"""The kinds of attackers that are connected at SIGTERM."""
_ATTACK_BEFORE_STOP_S = 5.0
_ATTACK_MOST_S = 600.0


@dataclass(frozen=True)
class Round:
    """The results of one round."""

    name: str
    kinds: tuple[str, ...]
    seconds: float
    requests: int
    """Of the good clients; so are the counts and latencies that follow."""
    refused: int
    wrong: int
    lost: int
    hung: int
    p50_ms: float | None
    p99_ms: float | None
    core_share: float | None
    """The worker's processor time over the round's time; None if the worker was replaced."""
    in_flight: float
    """Requests that the service counts once attackers and good clients are quiet, beyond those left by earlier rounds."""
    rss_mib: float
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    """The number of each outcome, by kind of attacker."""

    def to_json(self) -> dict[str, Any]:
        """Return the round as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Stop:
    """How the service ended."""

    seconds: float | None
    """From SIGTERM to the end of its last process; None if it was killed."""
    bound_s: float
    connections: float | None
    """The number of connections at SIGTERM, if the service counts them."""


async def run_round(
    service: BesiegedService, clients: GoodClients, kinds: Sequence[str], seconds: float, seed: int
) -> Round:
    """Run good clients for some seconds in addition to attackers, or alone if there are no kinds.

    Raises:
        BenchmarkError: the attackers' process failed, or the service no longer answers.
    """
    clients.take()
    await clients.pause()
    earlier = await asyncio.to_thread(service.metric, "tabento_in_flight_requests") or 0.0
    clients.resume()
    worker, before_s, started = service.worker.pid, service.cpu_s(), time.perf_counter()
    outcomes: dict[str, dict[str, int]] = {}
    if kinds:
        process = await _attackers(service, kinds, seconds, seed)
        outcomes = json.loads(await _output(process))
    else:
        await asyncio.sleep(seconds)
    figures: Figures = clients.take()
    took_s = time.perf_counter() - started
    same = service.worker.pid == worker
    spent_s = service.cpu_s() - before_s
    await clients.pause()
    late: Figures = clients.take()
    in_flight = await _remaining_in_flight(service, earlier)
    clients.resume()
    return Round(
        name=" + ".join(kinds) or BASELINE,
        kinds=tuple(kinds),
        seconds=round(took_s, 2),
        requests=figures.requests + late.requests,
        refused=figures.refused + late.refused,
        wrong=figures.wrong + late.wrong,
        lost=figures.lost + late.lost,
        hung=figures.hung + late.hung,
        p50_ms=_round(figures.quantile_ms(0.5)),
        p99_ms=_round(figures.quantile_ms(0.99)),
        core_share=round(spent_s / took_s, 3) if same else None,
        in_flight=in_flight,
        rss_mib=round(service.rss_mib(), 1),
        outcomes=outcomes,
    )


async def run_rounds(
    service: BesiegedService,
    groups: Sequence[Sequence[str]],
    seconds: float,
    seed: int,
    say: Callable[[Round], None],
) -> list[Round]:
    """Run a round for each group of kinds, with good clients all the time; an empty group is a round without attackers.

    Raises:
        BenchmarkError: see ``run_round``.
    """
    clients = GoodClients(service.port, seed)
    rounds = []
    try:
        for number, group in enumerate(groups):
            rounds.append(await run_round(service, clients, group, seconds, seed + number))
            say(rounds[-1])
    finally:
        await clients.stop()
    return rounds


async def stop_under_attack(service: BesiegedService, bound_s: float, seed: int, kinds: Sequence[str]) -> Stop:
    """Send SIGTERM while attackers are connected, and wait until no process of the service is left.

    Args:
        service: is not there afterwards.
        bound_s: the limit for the stop; after twice this time the service is killed.
        seed: of the attackers.
        kinds: who attacks.
    """
    attackers = await _attackers(service, kinds, _ATTACK_MOST_S, seed)
    try:
        await asyncio.sleep(_ATTACK_BEFORE_STOP_S)
        connections = await asyncio.to_thread(service.metric, "tabento_connections")
        supervisor = psutil.Process(service.pid)
        family = [supervisor, *supervisor.children(recursive=True)]
        os.kill(service.pid, signal.SIGTERM)
        started = time.perf_counter()
        while any(map(_lives, family)) and time.perf_counter() - started < 2 * bound_s:
            await asyncio.sleep(0.02)
        seconds: float | None = round(time.perf_counter() - started, 2)
        for process in filter(_lives, family):
            seconds = None
            with suppress(psutil.NoSuchProcess):
                process.kill()
    finally:
        with suppress(ProcessLookupError):
            attackers.terminate()
        await attackers.communicate()
    return Stop(seconds, bound_s, connections)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


async def _attackers(
    service: BesiegedService, kinds: Sequence[str], seconds: float, seed: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.siege.attack", "--port", str(service.port), "--kinds", ",".join(kinds)),
        *("--seconds", str(seconds), "--seed", str(seed)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _output(process: asyncio.subprocess.Process) -> bytes:
    try:
        out, errors = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        raise
    if process.returncode:
        raise BenchmarkError(f"the attackers failed:\n{errors.decode()}")
    return out


async def _remaining_in_flight(service: BesiegedService, earlier: float) -> float:
    """Return the number of additional requests in flight as soon as it is zero, at the latest after ``SETTLED_S``."""
    end = time.perf_counter() + SETTLED_S
    while True:
        count = await asyncio.to_thread(service.metric, "tabento_in_flight_requests") or 0.0
        if count <= earlier or time.perf_counter() > end:
            return max(count - earlier, 0.0)
        await asyncio.sleep(0.2)
