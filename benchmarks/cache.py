"""What do repeated rows do to the highest rate within the p99 limit? The cache on against off, side by side.

Two services of the same bundle run at the same time, one with the cache. Both are sent the same requests of one row, a part of
which repeats a few rows. The other rows come back so late that the cache has lost them. The share of hits is read from the
metrics of the service. A third service measures the cost of misses: the cache on, without repeats. Writes ``cache.json`` and
``cache.md`` to ``benchmarks/results/``, and prints the table. For shared machines, see ``benchmarks.staircase``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import timeit
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bodies import FOLDER, BenchModel, load_model, read_bodies
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.model_results import measure_models
from benchmarks.process import BenchmarkError, get, serve_bento, unwind_on_sigterm
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, SLO_MS, START_PER_S
from benchmarks.scenarios import Target, warm_up
from benchmarks.staircase import climb, ratio
from runners.session import OnnxSession
from serving.cache.answer_cache import ENTRY_BYTES, AnswerCache
from serving.cache.packed_answers import SEAL_BYTES, AnswerFormat, key_function
from serving.codec.identify import decoder_of
from tabento.bundle.contract import Contract
from tabento.bundle.numbers import number_text

REPEATED_SHARE = 0.3
"""The share of requests that repeat one of the hot rows."""
HOT_ROWS = 50
REQUESTS = 20_000
CACHED_ENTRIES = 2_000
"""The size of the cache in answers: more than the hot rows need, and a small part of the other rows."""
CALLS = 200_000
"""The number of calls in a measurement of one call."""
SEED = 21
OFF, ON, ON_NEW = "off", "on", "on, no repeats"


def make_requests(model: BenchModel, repeated_share: float, count: int = REQUESTS) -> Requests:
    """Return requests of one row, a part of which repeats ``HOT_ROWS`` rows; the others differ from each other.

    Rows of the test part are too few: each is sent several times with one number changed slightly.

    Raises:
        BenchmarkError: no feature of the model is a number that can be changed within its range.
    """
    contract = Contract.model_validate_json(model.contract.read_bytes())
    decoder = decoder_of(contract, 1, False, None)
    numbers = [feature for feature in contract.features if feature.type == "number"]
    rows = [row for body in read_bodies(model.single) for row in body.rows]
    random = np.random.default_rng(SEED)
    distinct: dict[bytes, dict[str, Any]] = {}
    for number in range(4 * count):
        row = dict(rows[number % len(rows)])
        for feature in numbers:
            value = row.get(feature.name)
            if value:
                row[feature.name] = value * (1.0 - 1e-7 * (1 + number // len(rows)))
        decoded = decoder.decode_plain(json.dumps(row).encode())
        if decoded is not None:
            distinct.setdefault(decoded.data, row)
        if len(distinct) == count:
            break
    else:
        raise BenchmarkError(f"expected {count} different rows of {model.name}, got {len(distinct)}")
    data, distinct_rows = list(distinct), list(distinct.values())
    session = OnnxSession(model.model, len(contract.features))
    answers = session.run_bytes(b"".join(data), len(data))
    indices = np.where(random.random(count) < repeated_share, random.integers(HOT_ROWS, size=count), np.arange(count))
    return http_requests(
        [distinct_rows[index] for index in indices],
        [b'{"prediction":%b,' % number_text(answers[index]).encode() for index in indices],
    )


def measure(model: BenchModel, rounds: int, seconds: float, count: int) -> dict[str, Any]:
    """Return the rate of each service, their ratios, the share of hits and the cost of a call.

    Raises:
        BenchmarkError: a service does not start.
    """
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    contract = Contract.model_validate_json(model.contract.read_bytes())
    row_bytes = 8 * len(contract.features)
    entry_bytes = SEAL_BYTES + row_bytes + 16 + ENTRY_BYTES
    cached = {"TABENTO_CACHE_BYTES": str(min(CACHED_ENTRIES, count // 10) * entry_bytes)}
    repeats, new = make_requests(model, REPEATED_SHARE, count), make_requests(model, 0.0, count)
    services: Mapping[str, tuple[Requests, dict[str, str]]] = {
        OFF: (repeats, {}),
        ON: (repeats, cached),
        ON_NEW: (new, cached),
    }
    with ExitStack() as up:
        targets = {}
        for name, (requests, variables) in services.items():
            environment = {"TABENTO_MODEL": model.tag, "BENTOML_DO_NOT_TRACK": "True", **variables}
            server = up.enter_context(
                serve_bento(sys.executable, "service:Tabento", environment=environment, cores=frozenset({SERVER_CORE}))
            )
            targets[name] = Target(server.address, requests, slo_s, core=GENERATOR_CORE)
            warm_up(targets[name])
        questions = {name: (target.poisson, slo_s, START_PER_S["tabento"]) for name, target in targets.items()}
        stairs = climb(questions, rounds, seconds)
        hits = {name: hit_share(target.address) for name, target in targets.items() if name != OFF}
    return {
        "model": model.name,
        "tag": model.tag,
        "slo_ms": slo_s * 1e3,
        "repeated_share": REPEATED_SHARE,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "services": {name: stair.to_json() for name, stair in stairs.items()},
        "ratios": {name: ratio(stairs[name], stairs[OFF]) for name in (ON, ON_NEW)},
        "hit_share": hits,
        "calls_us": measure_calls(row_bytes),
    }


def hit_share(address: str) -> float:
    """Return the share of rows that a service answered from its cache, by its metrics.

    Raises:
        BenchmarkError: the metrics are missing.
    """
    text = (get(f"{address}/metrics") or b"").decode()
    rows = {name: float(value) for name, value in re.findall(r'tabento_cache_rows_total\{result="(\w+)"\} (\S+)', text)}
    total = sum(rows.values())
    if not total:
        raise BenchmarkError(f"{address}/metrics counts no rows of the cache")
    return round((total - rows["miss"]) / total, 4)


def measure_calls(row_bytes: int, calls: int = CALLS) -> dict[str, float]:
    """Return the time of a hit, and of a miss with the storage of its answer, in microseconds a row."""
    cache = AnswerCache(1 << 40, 1e9)
    key_of, answers = key_function(bytes(SEAL_BYTES), row_bytes), AnswerFormat(None)
    rows = [number.to_bytes(row_bytes, "little") for number in range(calls)]
    timer = timeit.default_timer

    started_s = timer()
    for row in rows:
        key = key_of(row)
        if cache.get(key, 1.0) is None:
            cache.put(key, answers.pack(timer(), 1.5))
    missed_s = timer() - started_s
    started_s = timer()
    for row in rows:
        entry = cache.get(key_of(row), 1.0)
        if entry is not None:
            answers.unpack(entry)
    return {"miss": round(missed_s / calls * 1e6, 3), "hit": round((timer() - started_s) / calls * 1e6, 3)}


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of all models."""
    lines = [
        "| model, p99 limit | cache | requests a second | to the cache off | hits | a hit, a miss in µs |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for model in results["models"]:
        calls = model["calls_us"]
        for name, service in model["services"].items():
            cells = ["", "", ""]
            if name != OFF:
                share = model["ratios"][name]
                cells = [
                    f"{share['median']:.2f} ({share['low']:.2f} to {share['high']:.2f})",
                    f"{100 * model['hit_share'][name]:.0f}%",
                    f"{calls['hit']:.1f}, {calls['miss']:.1f}",
                ]
            title = f"{model['model']}, {model['slo_ms']:g} ms"
            lines.append(f"| {title} | {name} | {service['qps']:,.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california", "forest"])
    parser.add_argument("--rounds", type=int, default=40, help="the number of runs of each service (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"different requests (default {REQUESTS})")
    parser.add_argument("--models-folder", type=Path, default=FOLDER, help="the folder of `benchmarks.models`")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    return measure_models(
        arguments.models,
        arguments.folder / "cache.json",
        lambda name: measure(
            load_model(name, arguments.models_folder), arguments.rounds, arguments.seconds, arguments.requests
        ),
        markdown,
    )


if __name__ == "__main__":
    sys.exit(main())
