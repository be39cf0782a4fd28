"""Several models in one worker against each model in a worker of its own: rates within the p99 limits, and fairness.

Each model is served alone, and all of them in one more service on the same core. All services are measured in turns (see
``benchmarks.staircase``). The mixed service gets requests of all models at once, at rates that would each take the same share of the
core if the models were alone. It holds a rate if each model keeps its own p99 limit. A sum of shares of 1.0 means that sharing a worker
costs nothing. Then one model after another is flooded at ``FLOOD`` times the rate that it holds alone, beside the others at a fifth
of theirs: how many requests to the others are answered within their limits? Writes ``mixed_models.json`` and ``mixed_models.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bodies import FOLDER, load_model, read_bodies
from benchmarks.earlystop import passes
from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.loadgen.result import LoadResult
from benchmarks.loadgen.run import choices
from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError, serve_bento, unwind_on_sigterm
from benchmarks.run import GENERATOR_CORE, RESULTS, SERVER_CORE, START_PER_S
from benchmarks.scenarios import Target, warm_up
from benchmarks.staircase import climb
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle

MODELS = ("california", "forest", "churn")
MIXED = "mixed"
PAYLOADS = 3_000
"""The number of requests of the mixed service: each model has as many of them as its share of the rate."""
FLOOD = 3.0
"""The rate of the flooded model, as a multiple of the rate that it holds alone."""
CALM = 0.2
"""The rate of each other model, as a share of the rate that it holds alone."""
FLOOD_S = 5.0


@dataclass(frozen=True)
class MixedModel:
    """One model and its requests."""

    name: str
    bundle: Bundle
    rows: list[dict[str, Any]]
    slo_s: float

    def requests(self, count: int | None = None) -> Requests:
        """Return requests of one row to the model's own path; as many as it has rows, or some number."""
        rows = self.rows if count is None else [self.rows[index % len(self.rows)] for index in range(count)]
        return http_requests(rows, path=f"/models/{self.name}/predict")


@dataclass(frozen=True)
class MixedRun:
    """A run of requests to several models, as one run with an SLO of 1: each latency is divided by the SLO of its model."""

    result: LoadResult
    owners: NDArray[np.int64]
    """The index of the model of each arrival, shape (N,)."""
    slos_s: tuple[float, ...]

    def of_model(self, index: int) -> NDArray[np.float64]:
        """Return the latencies of one model over its SLO."""
        latencies: NDArray[np.float64] = self.result.latencies_s()[self.owners == index] / self.slos_s[index]
        return latencies

    def latencies_s(self) -> NDArray[np.float64]:
        """Return those of the model that keeps its SLO least: the mixed service holds a rate only if each model does."""
        models = [self.of_model(index) for index in range(len(self.slos_s))]
        failed = [latencies for latencies in models if not passes(latencies, 1.0)]
        return min(failed or models, key=lambda latencies: float(np.mean(latencies <= 1.0)))

    def valid(self, _slo_s: float) -> bool:
        """Return whether the generator was in time, for the tightest SLO."""
        return self.result.valid(min(self.slos_s))

    def summary(self, _slo_s: float) -> dict[str, Any]:
        """Return the figures of the run, and those of each model."""
        return {
            **self.result.summary(min(self.slos_s)),
            "models": [self.model_summary(i) for i in range(len(self.slos_s))],
        }

    def model_summary(self, index: int) -> dict[str, Any]:
        """Return the figures of one model."""
        of_model = self.owners == index
        latencies = self.of_model(index)
        finite = latencies[np.isfinite(latencies)]
        return {
            "requests": int(np.sum(of_model)),
            "within_slo": round(float(np.mean(latencies <= 1.0)), 5),
            "refused": round(float(np.mean(self.result.status[of_model] == 503)), 5),
            "p99_ms": round(float(np.quantile(finite, 0.99)) * self.slos_s[index] * 1e3, 3) if len(finite) else None,
        }


class MixedTarget:
    """The service of all models, with requests in some proportion.

    Args:
        address: ``http://127.0.0.1:port``.
        models: the models.
        weights: the share of each model of the requests.
    """

    def __init__(self, address: str, models: list[MixedModel], weights: NDArray[np.float64]) -> None:
        counts = np.maximum(np.round(weights / weights.sum() * PAYLOADS), 1).astype(int)
        parts = [model.requests(int(count)) for model, count in zip(models, counts, strict=True)]
        requests = Requests(
            tuple(payload for part in parts for payload in part.payloads),
            tuple(expected for part in parts for expected in part.expected),
        )
        self._owner_of_payload = np.repeat(np.arange(len(models)), counts)
        self._slos_s = tuple(model.slo_s for model in models)
        self.target = Target(address, requests, max(self._slos_s), core=GENERATOR_CORE)

    def poisson(self, rate_per_s: float, seconds: float, seed: int) -> MixedRun:
        """Run Poisson arrivals of a total rate."""
        result = self.target.poisson(rate_per_s, seconds, seed)
        payload_indices = choices(len(result.scheduled_ns), len(self._owner_of_payload), seed)
        return MixedRun(result, self._owner_of_payload[payload_indices], self._slos_s)


def load_mixed_model(name: str, folder: Path) -> MixedModel:
    """Return a model with the requests of ``benchmarks.models``, or else with the examples of its bundle.

    Raises:
        BenchmarkError: the model store has no such model.
    """
    try:
        stored = load_model(name, folder)
        tag, rows = stored.tag, [row for body in read_bodies(stored.single) for row in body.rows]
    except BenchmarkError:  # a model that is not one of ``benchmarks.models``
        tag, rows = name, []
    try:
        bundle = load_bundle(tag)
    except BundleError as error:
        raise BenchmarkError(f"{error} Or make it with `python -m benchmarks.models`.") from error
    return MixedModel(name, bundle, rows or list(bundle.examples), bundle.contract.p99_ms / 1000)


def measure(names: tuple[str, ...], folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the rates of each model alone and of all in one worker, and the answers beside floods.

    Raises:
        BenchmarkError: a model is missing, or a service does not start.
    """
    models = [load_mixed_model(name, folder) for name in names]
    with ExitStack() as up:
        targets: dict[str, Target] = {}
        for model in models:
            server = up.enter_context(_serve([model]))
            targets[model.name] = Target(server, model.requests(), model.slo_s, core=GENERATOR_CORE)
            warm_up(targets[model.name])
        address = up.enter_context(_serve(models))
        start = {model.name: (targets[model.name].poisson, model.slo_s, START_PER_S["tabento"]) for model in models}
        first = climb(start, max(rounds // 2, 1), seconds)
        if any(set(stair.outcomes) == {None} for stair in first.values()):
            raise BenchmarkError("the load generator was late in all runs of a model: stop other programs and repeat")
        alone = np.array([first[name].to_json()["qps"] for name in names])
        mixed = MixedTarget(address, models, alone)
        warm_up(mixed.target)
        stairs = climb(
            {
                **{
                    model.name: (targets[model.name].poisson, model.slo_s, qps)
                    for model, qps in zip(models, alone, strict=True)
                },
                MIXED: (mixed.poisson, 1.0, float(alone.mean())),
            },
            rounds,
            seconds,
        )
        rates = {name: stairs[name].to_json()["qps"] for name in names}
        total = stairs[MIXED].to_json()["qps"]
        shares = {name: total * own / alone.sum() / rates[name] for name, own in zip(names, alone, strict=True)}
        floods = {model.name: _flood(address, models, model.name, rates) for model in models}
    return {
        "machine": describe_machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": {model.name: {"tag": model.bundle.tag, "slo_ms": model.slo_s * 1e3} for model in models},
        "services": {name: stair.to_json() for name, stair in stairs.items()},
        "shares": {name: round(share, 3) for name, share in shares.items()},
        "sum_of_shares": round(sum(shares.values()), 3),
        "floods": floods,
    }


@contextmanager
def _serve(models: list[MixedModel]) -> Iterator[str]:
    """Serve models in one worker on the servers' core; yield the address."""
    other_tags = json.dumps([model.bundle.tag for model in models[1:]])
    environment = {
        "TABENTO_MODEL": models[0].bundle.tag,
        "TABENTO_MODELS": other_tags,
        "TABENTO_PINNED_MODELS": other_tags,
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
    }
    cores = frozenset({SERVER_CORE})
    with serve_bento(sys.executable, "service:Tabento", environment=environment, cores=cores) as server:
        yield server.address


def _flood(address: str, models: list[MixedModel], flooded: str, rates: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of each model while one is flooded."""
    per_s = np.array([rates[model.name] * (FLOOD if model.name == flooded else CALM) for model in models])
    run = MixedTarget(address, models, per_s).poisson(float(per_s.sum()), FLOOD_S, 77)
    return {
        model.name: {"asked_per_s": round(float(per_s[index]), 1), **run.model_summary(index)}
        for index, model in enumerate(models)
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of the rates, and one of the floods."""
    lines = ["| model, p99 limit | alone, requests a second | share of it in the mix |", "| --- | --- | --- |"]
    for name, model in results["models"].items():
        qps = results["services"][name]["qps"]
        lines.append(f"| {name}, {model['slo_ms']:g} ms | {qps:,.0f} | {results['shares'][name]:.2f} |")
    lines += [f"| all in one worker | {results['services'][MIXED]['qps']:,.0f} | {results['sum_of_shares']:.2f} |", ""]
    lines += [
        "| flooded | model | asked a second | within its limit | refused | p99 in ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for flooded, models in results["floods"].items():
        for name, figures in models.items():
            p99 = "" if figures["p99_ms"] is None else f"{figures['p99_ms']:.1f}"
            lines.append(
                f"| {flooded} | {name} | {figures['asked_per_s']:,.0f} | {100 * figures['within_slo']:.2f}% |"
                f" {100 * figures['refused']:.2f}% | {p99} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed_models", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="the first one is the default model")
    parser.add_argument("--rounds", type=int, default=30, help="the number of runs of each service (default 30)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--models-folder", type=Path, default=FOLDER, help="the folder of `benchmarks.models`")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    try:
        results = measure(tuple(arguments.models), arguments.models_folder, arguments.rounds, arguments.seconds)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "mixed_models.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
