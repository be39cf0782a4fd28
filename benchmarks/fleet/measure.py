"""The measurements of a fleet: start, memory, cold answers, and the rate under Zipf traffic against a service of one model."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks.fleet.bundles import model_name
from benchmarks.fleet.traffic import ModelRows, requests_of_each, requests_of_one, zipf_requests
from benchmarks.loadgen.requests import Requests
from benchmarks.loadgen.result import LoadResult, quantiles
from benchmarks.loadgen.run import choices
from benchmarks.loadgen.schedule import poisson
from benchmarks.process import BenchmarkError, get, serve_bento
from benchmarks.run import GENERATOR_CORE, SERVER_CORE, START_PER_S
from benchmarks.scenarios import Target, warm_up
from benchmarks.staircase import climb, ratio
from serving.fleet.footprint import estimate_bytes

SLO_S = 0.01
SINGLE, FLEET = "one model", "fleet"
ATTEMPTS = 50
"""The number of times that a request is sent until it is answered."""
HALF = 0.5
"""The share of the rate that a service holds, at which latencies are compared."""


@dataclass(frozen=True)
class FleetService:
    """A running service."""

    target: Target
    worker: psutil.Process
    ready_s: float

    def memory_mib(self) -> float:
        """Return the resident memory of the worker process."""
        return round(float(self.worker.memory_info().rss) / 2**20, 1)

    def numbers(self) -> dict[str, float]:
        """Return the metrics without labels of the service, and the sums of the others, by name."""
        totals: dict[str, float] = {}
        for line in (get(f"{self.target.address}/metrics") or b"").decode().splitlines():
            if line.startswith("tabento_model"):
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals


@contextmanager
def started(folder: Path, requests: Requests, **settings: str) -> Iterator[FleetService]:
    """Run a service of the first model of a fleet on the servers' core, without monitoring, until the block ends.

    Args:
        folder: the folder of the fleet's model store.
        requests: the requests that it will get.
        settings: further settings as environment variables.

    Raises:
        BenchmarkError: the service does not start.
    """
    environment = {
        "BENTOML_HOME": str(folder),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
        "TABENTO_MODEL": model_name(0),
        "TABENTO_MONITORING": "false",
        **settings,
    }
    with serve_bento(
        sys.executable, "service:Tabento", environment=environment, cores=frozenset({SERVER_CORE})
    ) as server:
        target = Target(server.address, requests, SLO_S, core=GENERATOR_CORE)
        children = psutil.Process(server.pid).children()
        worker = max(children, key=lambda child: int(child.memory_info().rss))
        yield FleetService(target, worker, round(server.ready_s, 2))


ALL_MODELS = {"TABENTO_MODELS": '["*"]'}


def measure_memory(folder: Path, rows: Sequence[ModelRows]) -> dict[str, Any]:
    """Return start, memory and cold answers of a service of all models and of one model, with nothing else to do.

    Raises:
        BenchmarkError: a service does not start, or an answer is wrong.
    """
    requests = requests_of_each(rows)
    with started(folder, requests) as single:
        alone_mib, alone_ready_s = single.memory_mib(), single.ready_s
    with started(folder, requests, **ALL_MODELS) as fleet:
        at_start_mib = fleet.memory_mib()
        cold_ms = one_by_one(fleet.target.address, requests)
        loaded_mib = fleet.memory_mib()
        warm_ms = one_by_one(fleet.target.address, requests)
        numbers = fleet.numbers()
        return {
            "models": len(rows),
            "loaded": int(numbers.get("tabento_models_loaded", 0)),
            "ready_s": {SINGLE: alone_ready_s, FLEET: fleet.ready_s},
            "worker_mib": {SINGLE: alone_mib, "fleet at its start": at_start_mib, "fleet, all loaded": loaded_mib},
            "kib_per_model": round((loaded_mib - at_start_mib) * 1024 / len(rows), 1),
            "cold_ms": quantiles(np.array(cold_ms[1:])),
            "warm_ms": quantiles(np.array(warm_ms[1:])),
        }


def one_by_one(address: str, requests: Requests) -> list[float]:
    """Send requests one after another on one connection; return the milliseconds of each.

    A request that is refused for load, since another program had the core, is sent again, and its time goes on.

    Raises:
        BenchmarkError: an answer is wrong, or a request is refused again and again.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    times_ms = []
    for payload, expected in zip(requests.payloads, requests.expected, strict=True):
        head, _, body = payload.partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        started_s = time.perf_counter()
        for _ in range(ATTEMPTS):
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 503:
                break
        times_ms.append((time.perf_counter() - started_s) * 1e3)
        if answer.status != 200 or not content.startswith(expected):
            raise BenchmarkError(f"{path}: expected an answer that begins with {expected!r}, got {content[:300]!r}")
    connection.close()
    return times_ms


def measure_rates(folder: Path, rows: Sequence[ModelRows], rounds: int, seconds: float) -> dict[str, Any]:
    """Return the rate within the p99 limit of a service of all models under Zipf traffic, and of a service of one model.

    Raises:
        BenchmarkError: a service does not start.
    """
    with ExitStack() as up:
        services = {
            SINGLE: up.enter_context(started(folder, requests_of_one(rows, 0))),
            FLEET: up.enter_context(started(folder, zipf_requests(rows), **ALL_MODELS)),
        }
        one_by_one(services[FLEET].target.address, requests_of_each(rows))
        for service in services.values():
            warm_up(service.target)
        stairs = climb(
            {name: (service.target.poisson, SLO_S, START_PER_S["tabento"]) for name, service in services.items()},
            rounds,
            seconds,
        )
        rate_per_s = HALF * min(stair.to_json()["qps"] for stair in stairs.values())
        runs = {name: service.target.poisson(rate_per_s, 5 * seconds, 77) for name, service in services.items()}
        return {
            "services": {name: stair.to_json() for name, stair in stairs.items()},
            "ratio": ratio(stairs[FLEET], stairs[SINGLE]),
            "half_rate_per_s": round(rate_per_s, 1),
            "half_rate": {name: run.summary(SLO_S) for name, run in runs.items()},
            "worker_mib": {name: service.memory_mib() for name, service in services.items()},
        }


def measure_cold_under_load(
    folder: Path, rows: Sequence[ModelRows], rate_per_s: float, seconds: float
) -> dict[str, Any]:
    """Return the answers of a service that just started under Zipf traffic: most models are cold at their first request.

    The first request of each model is a cold one if it was sent before the model was loaded.

    Raises:
        BenchmarkError: the service does not start.
    """
    requests = zipf_requests(rows)
    with started(folder, requests, **ALL_MODELS) as fleet:
        schedule = poisson(rate_per_s, seconds, 5)
        run = fleet.target.load(schedule, 5)
        is_first = first_of_each_model(run, requests, 5)
        latency_ms = (run.done_ns - run.scheduled_ns) / 1e6
        return {
            "rate_per_s": round(rate_per_s, 1),
            "first_of_each_model_ms": quantiles(latency_ms[is_first & run.accepted]),
            "others_ms": quantiles(latency_ms[~is_first & run.accepted]),
            "loads": int(fleet.numbers().get("tabento_model_loads_total", 0)),
            "summary": run.summary(SLO_S),
        }


def first_of_each_model(run: LoadResult, requests: Requests, seed: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each arrival whether it is the first one for its model, shape (N,)."""
    paths = [payload.split(b" ", 2)[1] for payload in requests.payloads]
    names: dict[bytes, int] = {}
    models = np.array([names.setdefault(path, len(names)) for path in paths])
    arrivals = models[choices(len(run.scheduled_ns), len(paths), seed)]
    _, first = np.unique(arrivals, return_index=True)
    is_first = np.zeros(len(arrivals), np.bool_)
    is_first[first] = True
    return is_first


def measure_small_budget(
    folder: Path, rows: Sequence[ModelRows], share: float, rate_per_s: float, seconds: float
) -> dict[str, Any]:
    """Return the answers of a service whose memory holds a part of the models only: the others are loaded again and again.

    Args:
        folder: the folder of the fleet's model store.
        rows: the rows of the models.
        share: the share of the models that fit, by the estimate of ``serving.fleet.footprint``.
        rate_per_s: the rate of requests.
        seconds: the length of the run.

    Raises:
        BenchmarkError: the service does not start.
    """
    sizes = [estimate_bytes(folder / "models" / model_name(number) / "1") for number in range(len(rows))]
    limit = max(int(share * sum(sizes)), 1 << 20)
    with started(folder, zipf_requests(rows), **ALL_MODELS, TABENTO_MODELS_MEMORY_BYTES=str(limit)) as fleet:
        one_by_one(fleet.target.address, requests_of_each(rows))
        before, memory_before = fleet.numbers(), fleet.memory_mib()
        run = fleet.target.poisson(rate_per_s, seconds, 6)
        after = fleet.numbers()
        loads = after["tabento_model_loads_total"] - before["tabento_model_loads_total"]
        return {
            "share_that_fits": share,
            "memory_bytes": limit,
            "rate_per_s": rate_per_s,
            "loads_per_s": round(loads / seconds, 1),
            "cold_share": round(loads / len(run.scheduled_ns), 4),
            "worker_mib": {"before": memory_before, "after": fleet.memory_mib()},
            "summary": run.summary(SLO_S),
        }


def ratios_of(results: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures that are compared with the aims of the fleet."""
    return {
        "rate": results["rates"]["ratio"]["median"],
        "memory_gib": round(results["memory"]["worker_mib"]["fleet, all loaded"] / 1024, 3),
        "cold_p99_ms": results["memory"]["cold_ms"]["p99"],
    }
