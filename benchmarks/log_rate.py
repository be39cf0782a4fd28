"""Is every prediction logged? One service with all of monitoring on answers a constant rate for minutes, on the core that it shares with its monitor process.

At the end the counts must add up: answers, recorded rows, dropped rows, and the lines that the log holds. Writes
``log_rate.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import BenchModel, load_model
from benchmarks.model_results import measure_models
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import start_pinned
from benchmarks.process import ROOT, unwind_on_sigterm
from benchmarks.run import RESULTS, requests_of
from monitoring.log.reader import read_log

PART_S = 15.0
"""The load runs in parts of this length; after each of them memory, lag and counts are read."""
SETTLE_S = 60.0
"""The longest time after the load in which the log may write the last rows."""


def total(series: Mapping[str, float], name: str) -> int:
    """Return the sum of all series of a metric."""
    return int(sum(value for key, value in series.items() if key.partition("{")[0] == name))


def measure(model: BenchModel, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """Return the counts, the lag, the memory and the bytes of the log after some minutes of load.

    Raises:
        BenchmarkError: the service does not start.
    """
    with tempfile.TemporaryDirectory(prefix="log-rate-") as folder, ExitStack() as up:
        environment = {"TABENTO_MONITORING_FOLDER": folder}
        server = start_pinned(up, model, requests_of(PEERS["tabento"], model), ROOT, environment)
        n_before = total(server.read_metrics(), "tabento_recorded_rows_total")
        n_answered, samples, p99_ms = n_before, [], []
        for part in range(max(1, round(seconds / PART_S))):
            run = server.target.poisson(rate_per_s, PART_S, 501 + part)
            n_answered += int(run.accepted.sum())
            p99_ms.append(float(np.quantile(run.latencies_s()[run.accepted], 0.99)) * 1e3)
            series = server.read_metrics()
            samples.append(
                {
                    "seconds": (part + 1) * PART_S,
                    "lag_s": series.get("tabento_monitor_lag_seconds", 0.0),
                    "worker_mib": server.worker.memory_info().rss / 2**20,
                    "monitor_mib": 0.0 if server.monitor is None else server.monitor.memory_info().rss / 2**20,
                }
            )
            sys.stderr.write(f"{(part + 1) * PART_S:.0f} s: {n_answered:,} answers, lag {samples[-1]['lag_s']:.2f} s\n")
        end_s = time.monotonic() + SETTLE_S
        while time.monotonic() < end_s:
            series = server.read_metrics()
            if total(series, "tabento_monitor_rows_total") + dropped_rows(series) >= total(
                series, "tabento_recorded_rows_total"
            ):
                break
            time.sleep(1.0)
        time.sleep(2.0)  # the log writes once a second
        series = server.read_metrics()
        log = Path(folder) / "log"
        started_s = time.monotonic()
        n_logged = sum(1 for _ in read_log(log))
        files = [path for path in log.iterdir() if path.is_file()]
        return {
            "model": model.name,
            "rate_per_s": rate_per_s,
            "seconds": seconds,
            "answered": n_answered,
            "recorded": total(series, "tabento_recorded_rows_total"),
            "dropped": dropped_rows(series),
            "log_rows": {key: value for key, value in series.items() if key.startswith("tabento_log_rows_total")},
            "lines": n_logged,
            "read_rows_per_s": round(n_logged / (time.monotonic() - started_s)),
            "bytes": {
                suffix: sum(path.stat().st_size for path in files if path.name.endswith(suffix))
                for suffix in (".jsonl", ".jsonl.gz", ".index.npz")
            },
            "p99_ms": [round(value, 3) for value in p99_ms],
            "samples": samples,
        }


def dropped_rows(series: Mapping[str, float]) -> int:
    """Return the number of rows that the monitor never handled."""
    return total(series, "tabento_monitor_dropped_rows_total")


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of the figures."""
    lines = []
    for model in results["models"]:
        samples = model["samples"]
        half = samples[len(samples) // 2 :]
        n_sealed = max(1, model["lines"])
        lines += [
            f"**{model['model']}**, {model['rate_per_s']:,.0f}/s for {model['seconds']:.0f} s on one core",
            "",
            "| figure | value |",
            "| --- | --- |",
            f"| answers | {model['answered']:,} |",
            f"| recorded rows | {model['recorded']:,} |",
            f"| rows dropped before the monitor | {model['dropped']:,} |",
            *(f"| `{key}` | {value:,.0f} |" for key, value in model["log_rows"].items()),
            f"| lines that the log holds | {model['lines']:,} |",
            f"| bytes a row, all files | {sum(model['bytes'].values()) / n_sealed:.1f} |",
            f"| lag, largest of the samples | {max(sample['lag_s'] for sample in samples):.2f} s |",
            f"| memory of the worker, second half | {min(s['worker_mib'] for s in half):.0f} to {max(s['worker_mib'] for s in half):.0f} MiB |",
            f"| memory of the monitor process, second half | {min(s['monitor_mib'] for s in half):.0f} to {max(s['monitor_mib'] for s in half):.0f} MiB |",
            f"| p99 of the predictions, median of the parts | {float(np.median(model['p99_ms'])):.2f} ms |",
            "",
        ]
    return "\n".join(lines)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw memory and lag over time."""
    figure = Figure(figsize=(9, 3.2 * len(results["models"])), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results["models"]), 2, squeeze=False)
    for (memory, lag), model in zip(panels, results["models"], strict=True):
        seconds = [sample["seconds"] for sample in model["samples"]]
        for key, label in (("worker_mib", "worker"), ("monitor_mib", "monitor process")):
            memory.plot(seconds, [sample[key] for sample in model["samples"]], label=label)
        memory.set(title=f"{model['model']}: memory", xlabel="seconds", ylabel="MiB", ylim=(0, None))
        memory.legend()
        lag.plot(seconds, [sample["lag_s"] for sample in model["samples"]])
        lag.set(title="age of the newest handled row", xlabel="seconds", ylabel="seconds", ylim=(0, None))
    figure.savefig(path, dpi=110, format="png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_rate", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--rate", type=float, default=10_000.0, help="requests per second (default 10,000)")
    parser.add_argument("--seconds", type=float, default=300.0, help="the length of the load (default 300)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    return measure_models(
        options.models,
        options.folder / "log_rate.json",
        lambda name: measure(load_model(name), options.rate, options.seconds),
        markdown,
        draw,
    )


if __name__ == "__main__":
    sys.exit(main())
