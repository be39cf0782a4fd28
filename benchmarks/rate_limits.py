"""Are rate limits exact over several processes, and does a service keep its latency while its Redis fails?

A service of four processes and a real Redis are started. Two API keys may send 100 requests a minute each, a third one as
many as it likes.

1. Exactness: many connections send with the first key for two windows. Every window that begins with an accepted
   request must have exactly 100 of them.
2. Failures: the other two keys send at a modest rate, by a schedule that no server can slow down. Redis is killed, started again,
   stopped with SIGSTOP and continued. No answer may be a 5xx, no connection may break, and in each phase 99% of the third
   key's requests must be answered within the SLO, from their scheduled arrival.

Writes ``benchmarks/results/rate_limits.json`` and the table of ``docs/rate-limits.md``. Only processes that it started are
ended. Needs Debian's ``redis-server`` and a C compiler.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.document_table import write_between
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.loadgen.result import FAILED, LoadResult, quantiles
from benchmarks.loadgen.run import choices, run_load
from benchmarks.loadgen.schedule import poisson
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, run, unwind_on_sigterm
from benchmarks.redis_server import RedisServer, running_redis
from benchmarks.siege.rows import body
from benchmarks.siege.service import BesiegedService, besieged

RESULTS = ROOT / "benchmarks" / "results" / "rate_limits.json"
DOCUMENT = ROOT / "docs" / "rate-limits.md"
BEGIN, END = "<!-- rate-limits: begin -->", "<!-- rate-limits: end -->"
LIMIT = 100
WINDOW_S = 60.0
PROCESSES = 4
GENERATOR_CORE = 1
CONNECTIONS = 64
SHARE = 4
"""One request in four of the second part has the limited key."""
LEAD_S = 0.5
"""A phase of the second part is measured from this time before its event on, so that it has the moment of the event."""
RETRY_S = 2.0
"""The pause of the circuit breaker, so that a run does not have to wait for a minute."""


@dataclass(frozen=True)
class Phase:
    """One phase of the second part."""

    name: str
    act: Callable[[RedisServer], None] | None
    """The event at its beginning; None for none."""


PHASES = (
    Phase("Redis answers", None),
    Phase("Redis was killed (SIGKILL)", RedisServer.kill),
    Phase("Redis was started again", RedisServer.start),
    Phase("Redis hangs (SIGSTOP)", RedisServer.pause),
    Phase("Redis goes on (SIGCONT)", RedisServer.resume),
)


def create_key(file: Path, name: str, *options: str) -> str:
    """Create an API key with the command that an operator uses, and return its secret."""
    return run(
        sys.executable, "-m", "tabento", "keys", "create", "--owner", name, "--id", name, "--file", str(file), *options
    ).splitlines()[-1]


def windows(accepted_s: NDArray[np.float64]) -> list[int]:
    """Return the accepted requests of each window: one begins with the first request after the end of the former.

    Args:
        accepted_s: the times of the accepted requests, in seconds.
    """
    counts = []
    times = np.sort(accepted_s)
    while times.size:
        is_within = times < times[0] + WINDOW_S
        counts.append(int(np.count_nonzero(is_within)))
        times = times[~is_within]
    return counts


def measure_exactness(service: BesiegedService, secret: str, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """Send with the limited key over many connections, and count the accepted requests."""
    requests = http_requests([body(number) for number in range(50)], headers={"x-api-key": secret})
    load = run_load(
        service.address, poisson(rate_per_s, seconds, seed=1), requests, connections=CONNECTIONS, core=GENERATOR_CORE
    )
    counts = windows(load.done_ns[load.accepted] / 1e9)
    statuses = _statuses(load, np.ones(len(load.status), dtype=bool))
    return {
        "rate_per_s": rate_per_s,
        "seconds": seconds,
        "connections": CONNECTIONS,
        "statuses": statuses,
        "accepted_in_windows": counts,
        "refused_ms": quantiles((load.done_ns - load.scheduled_ns)[load.status == 429] / 1e6),
        "is_exact": bool(counts) and set(counts) == {LIMIT} and set(statuses) == {"200", "429"},
    }


def measure_failures(
    service: BesiegedService,
    redis: RedisServer,
    secrets: Mapping[str, str],
    rate_per_s: float,
    phase_s: float,
    slo_ms: float,
) -> dict[str, Any]:
    """Send with both keys while Redis fails, and describe each phase."""
    parts = [
        http_requests([body(1)], headers={"x-api-key": secrets["limited"]}),
        http_requests([body(number) for number in range(2, SHARE + 1)], headers={"x-api-key": secrets["free"]}),
    ]
    payloads = tuple(payload for part in parts for payload in part.payloads)
    requests = Requests(payloads, (b"",) * len(payloads))
    schedule = poisson(rate_per_s, phase_s * len(PHASES), seed=2)
    loads: list[LoadResult] = []
    errors: list[BaseException] = []

    def send() -> None:
        try:
            loads.append(
                run_load(service.address, schedule, requests, connections=CONNECTIONS, core=GENERATOR_CORE, seed=2)
            )
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=send, name="load")
    begin_s = time.monotonic()
    thread.start()
    for number, phase in enumerate(PHASES):
        if phase.act is not None:
            time.sleep(max(begin_s + number * phase_s - time.monotonic(), 0.0))
            phase.act(redis)
    thread.join()
    if errors:
        raise errors[0]
    load = loads[0]
    is_limited = choices(len(load.status), SHARE, 2) == 0
    starts_ns = [max(number * phase_s - LEAD_S, 0.0) * 1e9 for number in range(len(PHASES))] + [np.inf]
    phases = []
    for number, phase in enumerate(PHASES):
        is_in = (load.scheduled_ns >= starts_ns[number]) & (load.scheduled_ns < starts_ns[number + 1])
        phases.append({"phase": phase.name, **_describe(load, is_in & is_limited, is_in & ~is_limited, slo_ms)})
    return {
        "rate_per_s": rate_per_s,
        "phase_s": phase_s,
        "slo_ms": slo_ms,
        "is_valid": load.valid(slo_ms / 1e3),
        "lag_ms": quantiles(load.lag_s() * 1e3),
        "phases": phases,
        "is_kept": all(
            phase["errors"] == 0 and phase["p99_ms"] is not None and phase["p99_ms"] <= slo_ms for phase in phases
        ),
    }


def _describe(
    load: LoadResult, is_limited: NDArray[np.bool_], is_free: NDArray[np.bool_], slo_ms: float
) -> dict[str, Any]:
    """Return the figures of one phase."""
    latency_ms = (load.done_ns - load.scheduled_ns) / 1e6
    is_any = is_limited | is_free
    figures = quantiles(latency_ms[is_free & load.accepted]) or {}
    is_error = is_any & ((load.status >= 500) | ((load.flags & FAILED) > 0) | load.unanswered)
    return {
        "limited": _statuses(load, is_limited),
        "free": _statuses(load, is_free),
        "errors": int(np.count_nonzero(is_error)),
        "p50_ms": figures.get("p50"),
        "p99_ms": figures.get("p99"),
        "max_ms": figures.get("max"),
        "over_slo": int(np.count_nonzero(is_free & ~(load.accepted & (latency_ms <= slo_ms)))),
    }


def _statuses(load: LoadResult, is_counted: NDArray[np.bool_]) -> dict[str, int]:
    statuses, numbers = np.unique(load.status[is_counted & load.is_answered], return_counts=True)
    return {str(status): int(number) for status, number in zip(statuses, numbers, strict=True)}


@contextmanager
def limited_service(
    folder: Path, redis: RedisServer, slo_ms: float
) -> Iterator[tuple[BesiegedService, dict[str, str]]]:
    """Serve the siege's model with three keys until the block ends; yield the service and the secrets of the keys."""
    keys = folder / "keys.json"
    secrets = {
        "exact": create_key(keys, "exact", "--requests-per-minute", str(LIMIT)),
        "limited": create_key(keys, "limited", "--requests-per-minute", str(LIMIT)),
        "free": create_key(keys, "free", "--requests-per-minute", "10000000"),
    }
    environment = {
        "TABENTO_API_KEYS_FILE": str(keys),
        "TABENTO_METRICS_ACCESS": "open",
        "TABENTO_REDIS_URL": redis.url,
        "TABENTO_REDIS_OPEN_S": str(RETRY_S),
        "TABENTO_SLO_P99_MS": str(slo_ms),
        "TABENTO_WORKERS": str(PROCESSES),
        "TABENTO_DRAIN_S": "0",
    }
    with besieged(folder, environment=environment) as service:
        yield service, secrets


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run both parts.

    Raises:
        BenchmarkError: Redis or the service did not start, or the load generator failed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rate-limits-") as name,
        running_redis() as redis,
        limited_service(Path(name), redis, options.slo_ms) as (service, secrets),
    ):
        _say(f"{PROCESSES} processes are ready; sending with one key for {options.seconds:g} s ...")
        exactness = measure_exactness(service, secrets["exact"], options.rate, options.seconds)
        _say(f"accepted in windows: {exactness['accepted_in_windows']}; now Redis fails ...")
        failures = measure_failures(service, redis, secrets, options.modest_rate, options.phase_seconds, options.slo_ms)
        failures["redis_down_at_the_end"] = _await_recovery(service)
        failures["fallbacks"] = service.metric("tabento_rate_fallbacks_total")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "redis": run("redis-server", "--version").split()[2].removeprefix("v="),
        "processes": PROCESSES,
        "limit": LIMIT,
        "exactness": exactness,
        "failures": failures,
        "passed": failures["is_valid"]
        and exactness["is_exact"]
        and failures["is_kept"]
        and failures["redis_down_at_the_end"] == 0,
    }


def _await_recovery(service: BesiegedService) -> float | None:
    """Return the number of processes that cannot use Redis, once it is zero or after some seconds."""
    end_s = time.monotonic() + 10 * RETRY_S
    while (down := service.metric("tabento_redis_down")) and time.monotonic() < end_s:
        time.sleep(0.2)
    return down


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables for the document."""
    exactness, failures = result["exactness"], result["failures"]
    counts = ", ".join(map(str, exactness["accepted_in_windows"]))
    lines = [
        f"{result['processes']} processes, Redis {result['redis']}, {result['machine']['cores']} cores"
        f" ({result['machine']['cpu']}), {result['measured_at'][:10]}.",
        "",
        f"**Exactness.** One key with {result['limit']} requests a minute, {exactness['rate_per_s']:g} requests a second over"
        f" {exactness['connections']} connections for {exactness['seconds']:g} s. Accepted in each window: {counts}.",
        "",
        f"**Failures.** {failures['rate_per_s']:g} requests a second in an open loop, a quarter of them with the limited key. The"
        f" latencies are those of the other key, from the scheduled arrival; the SLO is {failures['slo_ms']:g} ms.",
        "",
        "| phase | 5xx and broken | p50, ms | p99, ms | largest, ms | over the SLO | limited key: 200, 429 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for phase in failures["phases"]:
        n_free = sum(phase["free"].values())
        limited = phase["limited"]
        lines.append(
            f"| {phase['phase']} | {phase['errors']} | {_ms(phase['p50_ms'])} | {_ms(phase['p99_ms'])} | {_ms(phase['max_ms'])}"
            f" | {phase['over_slo']} of {n_free} | {limited.get('200', 0)}, {limited.get('429', 0)} |"
        )
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=118.0, help="the length of the first part, in which two windows begin"
    )
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second of the first part")
    parser.add_argument("--phase-seconds", type=float, default=15.0, help="the length of each phase of the second part")
    parser.add_argument("--modest-rate", type=float, default=200.0, help="requests a second of the second part")
    parser.add_argument("--slo-ms", type=float, default=10.0, help="the SLO in milliseconds")
    parser.add_argument("--json", type=Path, default=RESULTS, help="the file of the figures")
    parser.add_argument("--docs", type=Path, default=DOCUMENT, help="the document of the tables")
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    try:
        result = measure(options)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        text = markdown(result)
        write_between(options.docs, BEGIN, END, text)
    except BenchmarkError as error:
        _say(str(error))
        return 1
    _say(text)
    if not result["failures"]["is_valid"]:
        _say("void: the generator itself was late by more than a tenth of the SLO; repeat the run on a quiet machine")
        return 1
    _say("all promises were kept" if result["passed"] else "a promise was NOT kept")
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
