"""Attackers as a process of their own: ``python -m benchmarks.siege.attack --port 3000 --kinds flood --seconds 10``.

It prints, as JSON, the number of outcomes of each kind. A separate process keeps the attackers' computations out of
the good clients' latencies; it runs at a low priority for the same reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Sequence

from benchmarks.siege.attackers.kind import CLOSED, HUNG, HUNG_S, Kind
from benchmarks.siege.attackers.registry import KINDS

_PRIORITY = 10
_FILES = 4_096


async def attack(port: int, kinds: Sequence[Kind], seconds: float, seed: int) -> dict[str, dict[str, int]]:
    """Attack for some seconds; several kinds share the workers.

    Args:
        port: of 127.0.0.1.
        kinds: the kinds of attackers, which attack in parallel.
        seconds: the time in which new attempts start. Running attempts then have ``HUNG_S`` to end, or are
            hung; attempts of kinds that stay are cancelled.
        seed: of all that is random.

    Returns:
        The number of outcomes by kind and outcome.
    """
    outcomes: dict[str, Counter[str]] = {kind.name: Counter() for kind in kinds}
    over = asyncio.Event()

    async def work(kind: Kind, number: int) -> None:
        rng = random.Random(f"{seed}-{kind.name}-{number}")
        while not over.is_set():
            try:
                outcomes[kind.name][await kind.attack(port, rng)] += 1
            except OSError:
                outcomes[kind.name][CLOSED] += 1
            await asyncio.sleep(kind.pause_s)

    tasks = {
        asyncio.create_task(work(kind, number)): kind
        for kind in kinds
        for number in range(max(1, kind.workers // len(kinds)))
    }
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    over.set()
    if ending := [task for task, kind in tasks.items() if kind.ends and not task.done()]:
        _, hung_attempts = await asyncio.wait(ending, timeout=HUNG_S)
        for task in hung_attempts:
            outcomes[tasks[task].name][HUNG] += 1
    for task in tasks:
        task.cancel()
    for failure in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(failure, Exception):
            raise failure
    return {name: dict(sorted(counts.items())) for name, counts in outcomes.items()}


def kinds_of(names: str) -> list[Kind]:
    """Return the kinds of a comma-separated list of names.

    Raises:
        argparse.ArgumentTypeError: a kind is unknown.
    """
    listed = [name.strip() for name in names.split(",")]
    if unknown := sorted(set(listed) - set(KINDS)):
        raise argparse.ArgumentTypeError(f"there is no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return [KINDS[name] for name in listed]


def main() -> int:
    """Attack and print the outcomes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege.attack", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of a server on 127.0.0.1")
    parser.add_argument("--kinds", type=kinds_of, required=True, help="comma-separated; all attack at once")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.nice(_PRIORITY)
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (_FILES if limit == resource.RLIM_INFINITY else min(_FILES, limit), limit)
    )
    outcomes = asyncio.run(attack(arguments.port, arguments.kinds, arguments.seconds, arguments.seed))
    sys.stdout.write(json.dumps(outcomes) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
