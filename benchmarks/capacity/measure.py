"""The measurement: the server of images with a stored bundle on one core of this machine, and the load generator on another core."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.capacity.demand import Slo
from benchmarks.capacity.figures import LoadPoint, ServiceFigures
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, RunningServer, get, serve_as_image
from benchmarks.scenarios import Target, warm_up
from benchmarks.search import RATE_MOST_PER_S, find_capacity
from tabento.bundle.store import load_bundle

SINGLE_PATH, BATCH_PATH = "/predict", "/predict/batch"
BODIES = 256
"""The number of distinct requests."""
SEED = 17
START_PER_S = 500.0
RUN_S, QUICK_RUN_S = 2.0, 1.0
TOLERANCE, QUICK_TOLERANCE = 0.05, 0.15
TRIES = 2
SEARCHES = 3
"""The number of searches until one of them ends with a confirmed rate."""
SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 1.0)
"""The rates at which processor time and waiting times are measured, as shares of the held rate."""
OVERLOAD = 2.0
"""The rate of the overload as a multiple of the held rate."""
POINT_S, QUICK_POINT_S = 4.0, 1.5
CPU_LEAST = 1e-4
"""The smallest reported share of a core: the system counts processor time in steps of 10 ms."""
POINT_QUERIES_LEAST = 20
"""A point with fewer requests is left out: its p99 and its processor time would be those of single requests."""
OVERLOAD_CONNECTIONS = 256
"""Enough that requests wait in the service and not for a free connection of the load generator."""
CONNECTIONS = 64
IDLE_WINDOW_S, IDLE_SHARE, IDLE_LIMIT_S = 0.2, 0.1, 90.0
"""A service that uses less than this share of a core within the window is idle; the measurement waits for it as long as the limit."""
_WAIT_BUCKET = re.compile(rb'^tabento_queue_wait_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)$', re.M)
_BATCH_SUMS = ("rows_count", "rows_sum", "seconds_sum")
_BATCH_SUM = re.compile(rb"^tabento_batch_(rows_count|rows_sum|seconds_sum)(?:\{[^}]*\})? (\S+)$", re.M)


def mixed_rows(examples: Sequence[Mapping[str, Any]], count: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Return rows whose values are sampled, column by column, from the examples of a bundle.

    Each value is valid, and there are far more combinations than examples, so that no row is typical for a cache or a branch.
    """
    random = np.random.default_rng(seed)
    names = list(dict.fromkeys(name for example in examples for name in example))
    rows = []
    for _ in range(count):
        sources = random.integers(len(examples), size=len(names))
        sample = {name: examples[source] for name, source in zip(names, sources, strict=True)}
        rows.append({name: example[name] for name, example in sample.items() if name in example})
    return rows


def request_bodies(examples: Sequence[Mapping[str, Any]], rows_each: int) -> list[Any]:
    """Return the bodies of the requests: one object, or ``instances`` with some rows."""
    if rows_each == 1:
        return list(mixed_rows(examples, BODIES))
    count = max(8, BODIES // rows_each)
    rows = mixed_rows(examples, count * rows_each)
    return [{"instances": rows[start : start + rows_each]} for start in range(0, len(rows), rows_each)]


def answer_beginnings(address: str, path: str, bodies: Sequence[Any]) -> list[bytes]:
    """Return the beginning of each answer, up to the model's name; answers under load are compared with it.

    Raises:
        BenchmarkError: a request is refused.
    """
    beginnings = []
    for body in bodies:
        answer = get(f"{address}{path}", json.dumps(body).encode())
        if answer is None:
            raise BenchmarkError(
                f"the service refused a request that was made of the bundle's examples: {json.dumps(body)[:300]}."
                " See the log of `tabento serve`."
            )
        beginnings.append(answer.partition(b',"model":')[0])
    return beginnings


def prepare_requests(address: str, examples: Sequence[Mapping[str, Any]], rows_each: int) -> Requests:
    """Return requests with the answers that a service without load gives."""
    bodies = request_bodies(examples, rows_each)
    path = SINGLE_PATH if rows_each == 1 else BATCH_PATH
    return http_requests(bodies, answer_beginnings(address, path, bodies), path=path, rows_each=rows_each)


def pick_cores() -> tuple[int, int]:
    """Return the cores of the service and of the load generator.

    Raises:
        BenchmarkError: this process may use one core only.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchmarkError(
            f"expected two cores, one for the service and one for the load generator, got {len(cores)}. Measure on another"
            " machine with --save FILE and give the file here with --measured FILE."
        )
    return cores[0], cores[1]


def measure_service(
    model: str, slo: Slo, rows_each: int, *, quick: bool = False, say: Callable[[str], object] | None = None
) -> ServiceFigures:
    """Serve a bundle on one core, search the highest rate within the limit, and return all figures.

    Args:
        model: a model of the store, ``name`` or ``name:version``.
        slo: the limit of the latency at the service itself.
        rows_each: the rows of a request.
        quick: whether runs are short and the rate is only known to about 15%.
        say: takes lines of progress; by default they go to standard error.

    Raises:
        BundleError: the store does not have the model.
        BenchmarkError: the service does not start, or no rate keeps the limit.
    """
    say = say or _to_stderr
    server_core, generator_core = pick_cores()
    bundle = load_bundle(model)
    with tempfile.TemporaryDirectory(prefix="capacity-") as name:
        folder = Path(name)
        with (folder / "service.log").open("w+b") as log:
            environment = service_environment(folder, slo)
            say(f"serving {bundle.tag} on core {server_core} of {describe_machine()['cpu']} ...")
            # The server of an image, since its memory and its start are those of a replica.
            with serve_as_image(bundle.tag, environment=environment, cores=frozenset({server_core}), log=log) as server:
                requests = prepare_requests(server.address, bundle.examples, rows_each)
                target = Target(server.address, requests, slo.latency_s, CONNECTIONS, core=generator_core)
                return measure_target(server, target, bundle.tag, slo, quick=quick, say=say)


def service_environment(folder: Path, slo: Slo) -> dict[str, str]:
    """Return the settings of the measured service: its state in a folder, and the limit as its own limit of the latency."""
    return {
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "TABENTO_SLO_P99_MS": f"{1e3 * slo.latency_s:g}",
        "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
        "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
    }


def measure_target(
    server: RunningServer,
    target: Target,
    tag: str,
    slo: Slo,
    *,
    quick: bool = False,
    say: Callable[[str], object],
) -> ServiceFigures:
    """Measure a running service.

    Raises:
        BenchmarkError: no rate keeps the limit.
    """
    warm_up(target)
    rate_per_s, limited_by = search_rate(target, slo, quick=quick, say=say)
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    point_s = QUICK_POINT_S if quick else POINT_S
    points = []
    for number, share in enumerate(SHARES):
        if share < 1 and share * rate_per_s * point_s < POINT_QUERIES_LEAST:
            continue
        say(f"processor time at {100 * share:g}% of {rate_per_s:,.0f}/s ...")
        wait_until_idle(family, say)
        points.append(measure_point(target, family, share, rate_per_s, point_s, SEED + number))
    say(f"overload: {OVERLOAD:g} times this rate ...")
    wait_until_idle(family, say)
    crowded = replace(target, connections=OVERLOAD_CONNECTIONS)
    overload = measure_point(crowded, family, OVERLOAD, rate_per_s, point_s, SEED)
    return ServiceFigures(
        model=tag,
        rate_per_s=round(rate_per_s, 1),
        latency_s=slo.latency_s,
        percentile=slo.percentile,
        rows_each=target.requests.rows_each,
        points=tuple(points),
        overload=overload,
        ready_s=round(server.ready_s, 2),
        memory_mib=round(sum(map(memory_mib, family)), 1),
        limited_by=limited_by,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
    )


def search_rate(target: Target, slo: Slo, *, quick: bool = False, say: Callable[[str], object]) -> tuple[float, str]:
    """Return the highest rate that a longer run confirms, and its limit: ``server``, ``generator`` or ``search``.

    On a busy machine a rate may pass in a short run and fail in all longer ones. The search is then repeated below the failed
    rates, so that the result is low rather than missing.

    Raises:
        BenchmarkError: no rate keeps the limit.
    """
    most_per_s = RATE_MOST_PER_S
    for _ in range(SEARCHES):
        search = find_capacity(
            target.poisson,
            slo.latency_s,
            min(START_PER_S, most_per_s),
            QUICK_RUN_S if quick else RUN_S,
            QUICK_TOLERANCE if quick else TOLERANCE,
            tries=TRIES,
            most_per_s=most_per_s,
            percentile=slo.percentile,
            say=say,
        )
        if search.rate_per_s is not None:
            return search.rate_per_s, search.limited_by
        confirmed = [attempt.rate_per_s for attempt in search.attempts if attempt.phase == "confirm"]
        if not confirmed:
            break
        most_per_s = min(confirmed) / 2
        say(f"no longer run passed; the search is repeated up to {most_per_s:,.0f}/s")
    raise BenchmarkError(
        f"no rate kept {slo}. Allow more time, send fewer rows in a request, or stop other programs on this machine."
    )


def wait_until_idle(family: Sequence[psutil.Process], say: Callable[[str], object]) -> None:
    """Wait until the monitor process has handled the records of the load before, which it does at the lowest priority."""
    end_s = time.monotonic() + IDLE_LIMIT_S
    while time.monotonic() < end_s:
        start_s = cpu_s(family)
        time.sleep(IDLE_WINDOW_S)
        if cpu_s(family) - start_s < IDLE_SHARE * IDLE_WINDOW_S:
            return
    say(f"the service was not idle within {IDLE_LIMIT_S:g} s: its processor time has a part of the load before")


def measure_point(
    target: Target, family: Sequence[psutil.Process], share: float, held_per_s: float, seconds: float, seed: int
) -> LoadPoint:
    """Return the processor time, the latencies and the time in the queue at a share of the held rate."""
    before, start_s = read_counts(target.address), cpu_s(family)
    run = target.poisson(share * held_per_s, seconds, seed)
    used_s = cpu_s(family) - start_s
    counts = read_counts(target.address).since(before)
    latencies_s = run.latencies_s()
    answered_ms = 1e3 * latencies_s[np.isfinite(latencies_s)]
    p50_ms, p99_ms = np.quantile(answered_ms, (0.5, 0.99)) if answered_ms.size else (0.0, 0.0)
    return LoadPoint(
        share=share,
        rate_per_s=round(run.rate_per_s, 2),
        cpu_share=round(min(1.0, max(CPU_LEAST, used_s / run.seconds)), 4),
        p50_ms=round(float(p50_ms), 3),
        p99_ms=round(float(p99_ms), 3),
        wait_p99_ms=round(1e3 * bucket_quantile(counts.waits, 0.99), 4),
        good_share=round(run.within(target.slo_s) / len(latencies_s), 5),
        batch_rows=round(counts.rows / counts.batches, 2) if counts.batches else 0.0,
        row_us=round(1e6 * counts.model_s / counts.rows, 2) if counts.rows else 0.0,
    )


@dataclass(frozen=True)
class ServiceCounts:
    """The metrics of a service that count since its start, summed over models."""

    waits: NDArray[np.float64]
    """Upper bounds of ``tabento_queue_wait_seconds`` and their cumulative counts, shape (B, 2)."""
    batches: float
    rows: float
    """The rows of all batches."""
    model_s: float
    """The time of all batches in the model."""

    def since(self, earlier: ServiceCounts) -> ServiceCounts:
        """Return the counts since an earlier reading."""
        waits = self.waits.copy()
        if earlier.waits.shape == waits.shape:
            waits[:, 1] -= earlier.waits[:, 1]
        return ServiceCounts(
            waits, self.batches - earlier.batches, self.rows - earlier.rows, self.model_s - earlier.model_s
        )


def read_counts(address: str) -> ServiceCounts:
    """Return the present counts of a service; zeros if it does not report them."""
    text = get(f"{address}/metrics") or b""
    waits: dict[float, float] = {}
    for bound, count in _WAIT_BUCKET.findall(text):
        waits[float(bound)] = waits.get(float(bound), 0.0) + float(count)
    sums = dict.fromkeys(_BATCH_SUMS, 0.0)
    for name, value in _BATCH_SUM.findall(text):
        sums[name.decode()] += float(value)
    return ServiceCounts(np.array(sorted(waits.items()), dtype=np.float64).reshape(-1, 2), *sums.values())


def cpu_s(family: Sequence[psutil.Process]) -> float:
    """Return the processor time that some processes have used, in seconds."""
    return float(sum(sum(member.cpu_times()[:2]) for member in family))


def memory_mib(process: psutil.Process) -> float:
    """Return the memory of a process in MiB, with its part of the shared pages if the system tells it."""
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", 0) or memory.rss) / 2**20


def bucket_quantile(counts: NDArray[np.float64], quantile: float) -> float:
    """Return a quantile of a histogram by linear interpolation in its bucket, as Prometheus' ``histogram_quantile`` does.

    Args:
        counts: upper bounds and cumulative counts in ascending order, shape (B, 2); the last bound is infinite.
        quantile: between 0 and 1.

    Returns:
        The quantile; the last finite bound if it is beyond; 0 without counts.
    """
    if not counts.size or counts[-1, 1] <= 0:
        return 0.0
    rank = quantile * counts[-1, 1]
    index = int(np.argmax(counts[:, 1] >= rank))
    lower, below = counts[index - 1] if index else (0.0, 0.0)
    upper, total = counts[index]
    return float(lower if np.isinf(upper) else lower + (upper - lower) * (rank - below) / (total - below))


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
