"""All kinds of attackers, and the mixes of kinds that attack in parallel."""

from __future__ import annotations

import random

from benchmarks.siege.attackers import bodies, connections, endless, mutations, pipelining, slow, upgrades
from benchmarks.siege.attackers.kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (pipelining, upgrades, bodies, endless, slow, connections, mutations)
    for kind in module.KINDS
}
"""Every kind by its name."""

MIX_SIZE = 4


def mixes(names: list[str], seed: int, count: int) -> list[tuple[str, ...]]:
    """Return groups of kinds that attack in parallel: seeded samples of four, which together cover as many kinds as possible.

    Args:
        names: the kinds to draw from.
        seed: of the draw.
        count: the number of groups.
    """
    if len(names) < 2:
        return []
    rng = random.Random(seed)
    groups: list[tuple[str, ...]] = []
    pool: list[str] = []
    for _ in range(count):
        if len(pool) < MIX_SIZE:
            pool += rng.sample(names, len(names))
        groups.append(tuple(dict.fromkeys(pool[:MIX_SIZE])))
        del pool[:MIX_SIZE]
    return groups
