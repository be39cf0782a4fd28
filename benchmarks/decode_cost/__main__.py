"""Search for the request bodies that are most expensive to decode, and print their costs.

Prints the rate of the fast decoder, the worst bodies of each size with their cost for each byte, the longest slice, the
memory in addition to the body, and a table of named bodies with the former and the present decoder. Times are CPU times of one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.decode_cost.contracts import MAX_ROWS, narrow_contract, right_row, wide_contract
from benchmarks.decode_cost.grammar import Genome, describe, write_body
from benchmarks.decode_cost.measure import DecodeSteps, measure_memory, measure_time
from benchmarks.decode_cost.named_bodies import named_bodies
from benchmarks.decode_cost.search import search
from benchmarks.decode_cost.straightforward import decode_straightforward
from benchmarks.machine import describe_machine
from serving.codec.decode import PLAIN_BYTES, Decoder
from serving.codec.rows import Rows
from serving.codec.slices import Steps
from tabento.bundle.contract import Contract

SHARES = {4_096: 0.40, 65_536: 0.35, PLAIN_BYTES - 8_192: 0.15, 1_048_576: 0.07, 4_190_000: 0.03}
"""The sizes of bodies that are searched, in bytes, and the share of the search that each gets."""
OBJECTIVES = ("rate", "slice", "memory")
_MEMORY_SHARE = 0.1
"""The share of the search for memory, which is small because tracing is slow."""
BOUND_MS, BOUND_NS_PER_BYTE = 1.0, 120.0
"""The bound of docs/decoding.md: a body costs at most this fixed time, plus this time for each byte."""
_REPEATS = 7
_WORST_PER_SIZE = 3


@dataclass(frozen=True)
class WorstBody:
    """One of the most expensive bodies of a search."""

    contract: str
    objective: str
    size: int
    ns_per_byte: float
    slice_ms: float
    bound_share: float
    """The cost as a share of the bound."""
    memory_bytes: int
    memory_ratio: float
    """Memory in addition to the body, in multiples of the body."""
    genome: str


def _score(objective: str, decoder: Decoder, contract: Contract, genome: Genome) -> float:
    """Return the score that the search maximises."""
    body = write_body(genome, contract)
    if objective == "memory":
        return measure_memory(decoder.decode_steps, body) / len(body)
    cost = measure_time(decoder.decode_steps, body)
    return cost.ns_per_byte if objective == "rate" else cost.slice_s


def _search_all(contract: Contract, decoder: Decoder, bodies: int, rng: Random) -> Iterator[WorstBody]:
    """Search with each objective and size, and yield the worst bodies of each, measured again."""
    for objective in OBJECTIVES:
        share = _MEMORY_SHARE if objective == "memory" else (1 - _MEMORY_SHARE) / 2
        for size, size_share in SHARES.items():
            evaluations = max(math.ceil(bodies * share * size_share), _WORST_PER_SIZE)
            score = lambda genome: _score(objective, decoder, contract, genome)  # noqa: B023, E731
            for scored in search(score, size, evaluations, rng)[:_WORST_PER_SIZE]:
                body = write_body(scored.genome, contract)
                cost = measure_time(decoder.decode_steps, body, _REPEATS)
                memory = measure_memory(decoder.decode_steps, body)
                yield WorstBody(
                    contract=contract.name,
                    objective=objective,
                    size=cost.size,
                    ns_per_byte=round(cost.ns_per_byte, 2),
                    slice_ms=round(cost.slice_s * 1e3, 3),
                    bound_share=round(cost.seconds * 1e9 / (BOUND_MS * 1e6 + BOUND_NS_PER_BYTE * cost.size), 3),
                    memory_bytes=memory,
                    memory_ratio=round(memory / cost.size, 3),
                    genome=describe(scored.genome),
                )


def _plain_rate(contract: Contract, decoder: Decoder) -> float:
    """Return the cost of the fast decoder for each byte of valid rows, in nanoseconds."""
    row = json.dumps(right_row(contract))
    body = f'{{"instances": [{", ".join([row] * min(MAX_ROWS, (PLAIN_BYTES - 100) // (len(row) + 2)))}]}}'.encode()
    if decoder.decode_plain(body) is None:
        raise ValueError(f"the rows of the contract {contract.name} must be plainly right")
    return measure_time(decoder.decode_steps, body, 3 * _REPEATS).ns_per_byte


def _former_decoder(contract: Contract) -> DecodeSteps:
    """Return the former decoder: it parsed a body in one step if a row was not valid to the letter case."""
    exact = [feature.model_copy(update={"case": "exact", "unknown": "refuse"}) for feature in contract.features]
    decoder = Decoder(contract.model_copy(update={"features": tuple(exact)}), MAX_ROWS)

    def decode_steps(body: bytes) -> Steps[Rows]:
        yield from ()
        return decoder.decode_plain(body) or decode_straightforward(body, contract, MAX_ROWS)

    return decode_steps


def _compare(contract: Contract, decoder: Decoder) -> list[dict[str, Any]]:
    """Return the costs of named bodies with the former and the present decoder."""
    before = _former_decoder(contract)
    table = []
    for name, body in named_bodies(contract).items():
        old, new = measure_time(before, body), measure_time(decoder.decode_steps, body, _REPEATS)
        table.append(
            {
                "body": name,
                "size": len(body),
                "before_ms": round(old.seconds * 1e3, 2),
                "now_ms": round(new.seconds * 1e3, 2),
                "slice_ms": round(new.slice_s * 1e3, 2),
                "ns_per_byte": round(new.ns_per_byte, 2),
                "before_mb": round(measure_memory(before, body) / 1e6, 2),
                "now_mb": round(measure_memory(decoder.decode_steps, body) / 1e6, 2),
            }
        )
    return table


def measure(bodies: int, seed: int) -> dict[str, Any]:
    """Run the whole benchmark and return its figures.

    Args:
        bodies: the number of bodies in the search, over all contracts, sizes and objectives.
        seed: makes the search repeatable, as far as times are.
    """
    rng = Random(seed)  # noqa: S311 - a seeded search, not a secret
    started = time.perf_counter()
    rates: dict[str, float] = {}
    worst: list[WorstBody] = []
    contracts = (narrow_contract(), wide_contract())
    for contract in contracts:
        decoder = Decoder(contract, MAX_ROWS)
        rates[contract.name] = round(_plain_rate(contract, decoder), 2)
        worst += _search_all(contract, decoder, math.ceil(bodies / len(contracts)), rng)
    return {
        "machine": describe_machine(),
        "bodies": bodies,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "plain_ns_per_byte": rates,
        "worst_ns_per_byte": max(entry.ns_per_byte for entry in worst),
        "longest_slice_ms": max(entry.slice_ms for entry in worst),
        "worst_memory_ratio": max(entry.memory_ratio for entry in worst),
        "worst_bound_share": max(entry.bound_share for entry in worst),
        "worst": [asdict(entry) for entry in worst],
        "named": _compare(contracts[0], Decoder(contracts[0], MAX_ROWS)),
    }


def report(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        f"Bodies tried: {figures['bodies']:,} (seed {figures['seed']}). Plain decoder:"
        f" {', '.join(f'{rate} ns a byte ({name})' for name, rate in figures['plain_ns_per_byte'].items())}.",
        "",
        f"Worst cost: {figures['worst_ns_per_byte']} ns a byte, {figures['worst_bound_share']:.0%} of the bound"
        f" ({BOUND_MS:g} ms + {BOUND_NS_PER_BYTE:g} ns a byte). Longest slice: {figures['longest_slice_ms']} ms. Most"
        f" memory: {figures['worst_memory_ratio']} times the body.",
        "",
        "| contract | size | worst ns a byte | longest slice, ms | most memory without the body |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    sizes = sorted(SHARES)
    for entry in figures["worst"]:
        nearest = min(sizes, key=lambda size: abs(math.log(size / entry["size"])))
        groups.setdefault((entry["contract"], nearest), []).append(entry)
    for (contract, size), entries in sorted(groups.items()):
        rate, slice_ms = (max(entry[key] for entry in entries) for key in ("ns_per_byte", "slice_ms"))
        memory = max(entries, key=lambda entry: int(entry["memory_bytes"]))
        lines.append(
            f"| {contract} | {size:,} | {rate:.1f} | {slice_ms:.2f} |"
            f" {memory['memory_bytes'] / 1e6:.2f} MB ({memory['memory_ratio']:.2f}×) |"
        )
    lines += [
        "",
        "| body | bytes | before, ms | now, ms | longest slice, ms | ns a byte | memory before, MB | memory now, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['body']} | {row['size']:,} | {row['before_ms']:,.1f} | {row['now_ms']:.2f} | {row['slice_ms']:.2f} |"
        f" {row['ns_per_byte']:.2f} | {row['before_mb']:.1f} | {row['now_mb']:.2f} |"
        for row in figures["named"]
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, and write the JSON file if a path is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode_cost", description=__doc__)
    parser.add_argument("--bodies", type=int, default=12_000, help="how many bodies to try (default 12000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    arguments = parser.parse_args()
    if arguments.bodies < 1:
        parser.error(f"--bodies: expected at least 1, got {arguments.bodies}")
    figures = measure(arguments.bodies, arguments.seed)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
