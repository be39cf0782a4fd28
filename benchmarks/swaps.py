"""Does a change of the version lose a request? One service answers a constant rate on one core while two versions take turns.

The two versions have the same graph, so every answer can be checked; a few clients beside the load check that each answer names a version
that was live between its request and its answer. Writes ``swaps.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import BenchModel, load_model, read_bodies
from benchmarks.model_results import measure_models
from benchmarks.monitored_load import Client
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import PinnedServer, start_pinned
from benchmarks.process import ROOT, BenchmarkError, get, unwind_on_sigterm
from benchmarks.run import RESULTS, requests_of
from rollout.document import ModelRollout
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import store_folder

PART_S = 15.0
"""The load runs in parts of this length."""
CHECKS_PER_S = 25.0
"""The answers whose version is checked, each second."""
SWAP_DEADLINE_S = 120.0
SETTLE_S = 3.0
"""The seconds after the load until memory is read."""


@dataclass
class Swaps:
    """A thread that changes the wanted version, and knows which versions were live at which time.

    Args:
        address: the address of the service.
        store: the rollout document.
        tags: the two versions; the first one is live.
        pause_s: the seconds between two changes.
    """

    address: str
    store: DocumentStore
    tags: Sequence[str]
    pause_s: float
    lengths_s: list[float] = field(default_factory=list)
    """The seconds of each change, from the written document to the freed version."""
    times_s: list[float] = field(default_factory=list)
    """The time of each change, by ``time.monotonic``."""
    spans: list[tuple[str, float, float]] = field(default_factory=list)
    """Versions, and the times between which they may answer."""
    fault: str | None = None

    def run(self, count: int, end: threading.Event) -> None:
        """Change the version a number of times, or until the event is set."""
        live, since_s = self.tags[0], 0.0
        try:
            for index in range(count):
                if end.wait(self.pause_s):
                    break
                next_tag = self.tags[(index + 1) % 2]
                started_s = time.monotonic()
                self._want(next_tag)
                freed_s = self._wait_for(next_tag)
                self.times_s.append(started_s)
                self.lengths_s.append(freed_s - started_s)
                self.spans.append((live, since_s, freed_s))
                live, since_s = next_tag, started_s
        except BenchmarkError as error:
            self.fault = str(error)
        self.spans.append((live, since_s, float("inf")))

    def was_live(self, version: str, sent_s: float, done_s: float) -> bool:
        """Return whether a version could answer a request between two times."""
        return any(
            tag.partition(":")[2] == version and since_s <= done_s and sent_s <= until_s
            for tag, since_s, until_s in self.spans
        )

    def _want(self, tag: str) -> None:
        name = tag.partition(":")[0]
        entry = ModelRollout(champion=tag, who="benchmark", why="swap")
        self.store.change(
            None, lambda document: document.model_copy(update={"models": {**document.models, name: entry}}), "champion"
        )

    def _wait_for(self, tag: str) -> float:
        """Return the time at which a version was the only live one."""
        name = tag.partition(":")[0]
        end_s = time.monotonic() + SWAP_DEADLINE_S
        while time.monotonic() < end_s:
            state = json.loads(get(f"{self.address}/models/{name}") or b"{}").get("rollout", {})
            live = state.get("live", {})
            if live.get("champion") == tag and not live.get("retiring"):
                return time.monotonic()
            if (reason := state.get("differs_because")) and tag in reason:
                raise BenchmarkError(reason)
            time.sleep(0.05)
        raise BenchmarkError(f"{tag} was not live within {SWAP_DEADLINE_S:g} s")


@dataclass
class Checks:
    """A thread that keeps the version of some answers.

    Args:
        address: the address of the service.
        body: the request.
    """

    address: str
    body: bytes
    answers: list[tuple[str, float, float]] = field(default_factory=list)
    """The version, and the times of request and answer."""
    failures: list[str] = field(default_factory=list)

    def run(self, end: threading.Event) -> None:
        """Send requests until the event is set."""
        client = Client(self.address)
        while not end.wait(1 / CHECKS_PER_S):
            sent_s = time.monotonic()
            try:
                status, content = client.request("POST", "/predict", self.body)
            except OSError as error:
                self.failures.append(repr(error))
                continue
            if status != 200:
                self.failures.append(f"status {status}")
                continue
            self.answers.append((json.loads(content)["version"], sent_s, time.monotonic()))
        client.close()


def copy_store(tag: str, home: Path) -> tuple[str, str]:
    """Copy a bundle of the store into a new store, twice; return the tags of both versions."""
    name, _, version = tag.partition(":")
    tags = []
    for number in (1, 2):
        folder = home / "models" / name / f"swap{number}"
        shutil.copytree(store_folder() / name / version, folder)
        description = folder / BENTOML_FILE
        description.write_text(description.read_text().replace(f"version: {version}", f"version: swap{number}"))
        tags.append(f"{name}:swap{number}")
    (home / "models" / name / "latest").write_text("swap1")
    return tags[0], tags[1]


def measure(model: BenchModel, rate_per_s: float, n_swaps: int, pause_s: float) -> dict[str, Any]:
    """Return the outcome of all requests, p99 of each second, the lengths of the changes, and memory before and after.

    Raises:
        BenchmarkError: the service does not start, or a version does not become live.
    """
    with tempfile.TemporaryDirectory(prefix="swaps-") as name, ExitStack() as up:
        folder = Path(name)
        tags = copy_store(model.tag, folder / "home")
        environment = {
            "BENTOML_HOME": str(folder / "home"),
            "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
            "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
        }
        requests = requests_of(PEERS["tabento"], model)
        server = start_pinned(up, replace(model, tag=tags[0]), requests, ROOT, environment)
        server.target.poisson(rate_per_s, PART_S / 3, 600)
        before_mib = server.worker.memory_info().rss / 2**20
        store = open_store(RolloutSettings(rollout_folder=folder / "rollout"))
        swaps = Swaps(server.target.address, store, tags, pause_s)
        body = json.dumps(read_bodies(model.single, 1)[0].rows[0]).encode()
        checks = Checks(server.target.address, body)
        outcome = _load_during(server, swaps, checks, rate_per_s, n_swaps)
        if not swaps.lengths_s:
            raise BenchmarkError(f"no change was made: {swaps.fault}")
        time.sleep(SETTLE_S)
        after_mib = server.worker.memory_info().rss / 2**20
        not_live = [answer for answer in checks.answers if not swaps.was_live(*answer)]
        return {
            "model": model.name,
            "megabytes": round(_graph_bytes(tags[0], folder / "home") / 1e6, 1),
            "rate_per_s": rate_per_s,
            "swaps": len(swaps.lengths_s),
            "fault": swaps.fault,
            "swap_s": {
                "median": round(float(np.median(swaps.lengths_s)), 3),
                "longest": round(max(swaps.lengths_s), 3),
            },
            "checked_versions": len(checks.answers),
            "answered_by_another_version": len(not_live),
            "failed_checks": checks.failures[:10],
            "before_mib": round(before_mib, 1),
            "after_mib": round(after_mib, 1),
            **outcome,
        }


def _graph_bytes(tag: str, home: Path) -> int:
    name, _, version = tag.partition(":")
    return (home / "models" / name / version / "model.onnx").stat().st_size


def _load_during(server: PinnedServer, swaps: Swaps, checks: Checks, rate_per_s: float, n_swaps: int) -> dict[str, Any]:
    """Return the outcome of the load that runs while versions change."""
    end = threading.Event()
    swapping = threading.Thread(target=swaps.run, args=(n_swaps, end))
    checking = threading.Thread(target=checks.run, args=(end,))
    started_s = time.monotonic()
    swapping.start()
    checking.start()
    seconds: list[dict[str, Any]] = []
    statuses: dict[str, int] = {}
    wrong = failed = unanswered = n_arrivals = part = 0
    lags_ms: list[float] = []
    samples: list[dict[str, float]] = []
    while swapping.is_alive() or part == 0:
        since_s = time.monotonic() - started_s
        run = server.target.poisson(rate_per_s, PART_S, 601 + part)
        summary = run.summary(server.target.slo_s)
        n_arrivals += summary["scheduled"]
        wrong += summary["wrong"]
        failed += summary["failed"]
        unanswered += summary["unanswered"]
        lags_ms.append((summary["lag_ms"] or {}).get("p99", 0.0))
        for status, count in summary["answered"].items():
            statuses[status] = statuses.get(status, 0) + count
        seconds += [{**row, "from_s": since_s + row["from_s"]} for row in run.timeline(server.target.slo_s)]
        samples.append({"seconds": since_s + PART_S, "mib": server.worker.memory_info().rss / 2**20})
        part += 1
        sys.stderr.write(
            f"{since_s + PART_S:.0f} s: {len(swaps.lengths_s)} swaps, {statuses}, wrong {wrong}, failed {failed}\n"
        )
    end.set()
    swapping.join()
    checking.join()
    slo_ms = server.target.slo_s * 1e3
    is_within = [row["p99_ms"] is not None and row["p99_ms"] <= slo_ms for row in seconds]
    return {
        "requests": n_arrivals,
        "statuses": statuses,
        "wrong": wrong,
        "failed": failed,
        "unanswered": unanswered,
        "slo_ms": slo_ms,
        "seconds_within_slo": round(sum(is_within) / len(is_within), 4),
        "generator_lag_p99_ms": round(float(np.median(lags_ms)), 3),
        "timeline": [{"from_s": round(row["from_s"], 2), "p99_ms": row["p99_ms"]} for row in seconds],
        "changes_s": [round(moment - started_s, 2) for moment in swaps.times_s],
        "samples": samples,
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of the figures."""
    lines = [
        "| figure | " + " | ".join(f"{m['model']}, {m['megabytes']:g} MB" for m in results["models"]) + " |",
        "| --- |" + " --- |" * len(results["models"]),
    ]
    rows: list[tuple[str, Any]] = [
        ("rate", lambda m: f"{m['rate_per_s']:,.0f}/s"),
        ("swaps", lambda m: f"{m['swaps']}"),
        ("requests", lambda m: f"{m['requests']:,}"),
        ("answers by status", lambda m: ", ".join(f"{k}: {v:,}" for k, v in m["statuses"].items())),
        ("wrong, failed, unanswered", lambda m: f"{m['wrong']}, {m['failed']}, {m['unanswered']}"),
        (
            "answers whose version was checked; by a version that was not live",
            lambda m: f"{m['checked_versions']:,}; {m['answered_by_another_version']}",
        ),
        (
            "seconds with p99 within the limit",
            lambda m: f"{100 * m['seconds_within_slo']:.1f}% of {len(m['timeline'])} ({m['slo_ms']:g} ms)",
        ),
        ("a swap, median and longest", lambda m: f"{m['swap_s']['median']:.2f} s, {m['swap_s']['longest']:.2f} s"),
        (
            "memory before, after",
            lambda m: f"{m['before_mib']:.0f} MiB, {m['after_mib']:.0f} MiB ({m['after_mib'] / m['before_mib']:.2f})",
        ),
    ]
    lines += [f"| {name} | " + " | ".join(text(model) for model in results["models"]) + " |" for name, text in rows]
    return "\n".join(lines) + "\n"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw p99 of each second with the changes, and the memory."""
    figure = Figure(figsize=(10, 3.2 * len(results["models"])), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results["models"]), 2, squeeze=False)
    for (latency, memory), model in zip(panels, results["models"], strict=True):
        rows = [row for row in model["timeline"] if row["p99_ms"] is not None]
        latency.plot([row["from_s"] for row in rows], [row["p99_ms"] for row in rows], linewidth=0.9)
        latency.axhline(model["slo_ms"], color="tab:red", linewidth=0.9, label="limit")
        for moment in model["changes_s"]:
            latency.axvline(moment, color="0.85", linewidth=0.6, zorder=0)
        latency.set(
            title=f"{model['model']}: p99 of each second, {model['swaps']} changes of the version",
            xlabel="seconds",
            ylabel="ms",
            yscale="log",
        )
        latency.legend()
        memory.plot([s["seconds"] for s in model["samples"]], [s["mib"] for s in model["samples"]], label="worker")
        memory.axhline(model["before_mib"], color="0.5", linestyle="--", label="before the first change")
        memory.set(title="memory", xlabel="seconds", ylabel="MiB", ylim=(0, None))
        memory.legend()
    figure.savefig(path, dpi=110, format="png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swaps", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california", "forest"])
    parser.add_argument("--rate", type=float, default=5_000.0, help="requests per second (default 5,000)")
    parser.add_argument("--swaps", type=int, default=200, help="changes of the shipped model (default 200)")
    parser.add_argument("--forest-swaps", type=int, default=10, help="changes of a large model (default 10)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two changes (default 0.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()

    def measure_model(name: str) -> dict[str, Any]:
        is_large = name == "forest"
        n_swaps = options.forest_swaps if is_large else options.swaps
        return measure(load_model(name), options.rate, n_swaps, options.pause * (10 if is_large else 1))

    return measure_models(options.models, options.folder / "swaps.json", measure_model, markdown, draw)


if __name__ == "__main__":
    sys.exit(main())
