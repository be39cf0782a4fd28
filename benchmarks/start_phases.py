"""Which phases has the start of a served Bento, and how much memory do its processes hold: BentoML's server and an image's?

Builds a Bento of a model's latest bundle, installs the locked serving group into an environment of its own, and starts the Bento
there with ``bentoml serve`` and with the entry point of an image, in alternation, on one core. Both servers write the same lines into
the service log, whose times are the phases. The imports of both are listed by package. The results are in
``benchmarks/results/start.json``, the tables in ``docs/footprint.md``, the picture in ``docs/images/start.png``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.document_table import write_between
from benchmarks.footprint import built_bento, serving_environment
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, RunningServer, get, run, run_server
from tools.ports import free_port

RESULTS = ROOT / "benchmarks" / "results" / "start.json"
DOCUMENT = ROOT / "docs" / "footprint.md"
PICTURE = ROOT / "docs" / "images" / "start.png"
REQUESTS_BEFORE_MEMORY = 2_000
SERVERS = ("bentoml serve", "image")
PHASES = ("first process", "worker", "model", "listening")
"""From the start of the first process to its line that it serves; to the worker's line that its server starts; to its line that the
application has started; to the first 200 of ``/readyz``."""
_LINES = (
    ("first process", re.compile(r"Starting production|serving .* on port")),
    ("worker", re.compile("Started server process")),
    ("model", re.compile("Application startup complete")),
)
IMPORTS = {
    "bentoml serve": (
        "import bentoml_cli.cli; from bentoml._internal.utils.args import set_arguments;"
        " set_arguments({'model': sys.argv[1]}); import service"
    ),
    "image": "import gc; gc.disable(); import serving.container.start",
}
"""The imports of the first process; under ``bentoml serve`` each worker repeats most of them."""
LISTED_PACKAGES = 12
GROWTH_CHECK_S = 0.5
GROWTH_CHECKS = 40
_IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def log_phases(lines: Sequence[str], started_s: float, ready_s: float) -> dict[str, float]:
    """Return the seconds of each phase of a start.

    Args:
        lines: the service log.
        started_s: the time of the start, in seconds since 1970.
        ready_s: the seconds from then to the first 200 of ``/readyz``.

    Raises:
        BenchmarkError: a line is missing.
    """
    records = [json.loads(line) for line in lines if line.startswith("{")]
    phases: dict[str, float] = {}
    end_s = started_s
    for phase, pattern in _LINES:
        record = next((record for record in records if pattern.search(record.get("message", ""))), None)
        if record is None:
            raise BenchmarkError(f"expected a line {pattern.pattern!r} in the service log, got:\n" + "\n".join(lines))
        line_s = datetime.fromisoformat(record["time"]).timestamp()
        phases[phase] = line_s - end_s
        end_s = line_s
    phases["listening"] = started_s + ready_s - end_s
    return phases


def import_times(report: str) -> dict[str, float]:
    """Return the milliseconds of imports by top-level package, from the output of ``python -X importtime``."""
    times: Counter[str] = Counter()
    for duration_us, module in _IMPORT_LINE.findall(report):
        times[module.partition(".")[0]] += int(duration_us)
    return {package: duration_us / 1000 for package, duration_us in times.most_common()}


@contextmanager
def _server(name: str, python: Path, bento: str, folder: Path, core: int, log: IO[bytes]) -> Iterator[RunningServer]:
    port = str(free_port())
    command = {
        "bentoml serve": [str(python), "-m", "bentoml", "serve", bento],
        "image": [str(python), str(folder / "src" / "container.py"), "serve"],
    }[name]
    with run_server(
        [*command, "--host", "127.0.0.1", "--port", port],
        f"http://127.0.0.1:{port}",
        cwd=Path("/"),
        cores=frozenset({core}),
        log=log,
    ) as server:
        yield server


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants, those that have ended included."""
    process = psutil.Process(pid)
    members = (process, *process.children(recursive=True))
    return float(sum(sum(member.cpu_times()[:4]) for member in members))  # user, system, and both of ended children


def _start(name: str, python: Path, bento: str, folder: Path, core: int) -> dict[str, float]:
    """Start a server, and return its seconds by phase and its memory in MiB."""
    with tempfile.TemporaryFile() as log:
        started_s = time.time()
        with _server(name, python, bento, folder, core, log) as server:
            cpu_s = _cpu_s(server.pid)
            log.seek(0)
            phases = log_phases(log.read().decode().splitlines(), started_s, server.ready_s)
            examples = json.loads(get(f"{server.address}/model") or b"{}")["examples"]
            body = json.dumps(examples[0]).encode()
            for _ in range(REQUESTS_BEFORE_MEMORY):
                get(f"{server.address}/predict", body)
            first = psutil.Process(server.pid)
            children = first.children(recursive=True)
            monitors = [child for child in children if "monitoring" in child.cmdline()]
            _wait_until_imported(monitors)
            workers = [child for child in children if child not in monitors]
            return {
                **phases,
                "ready": server.ready_s,
                "cpu": cpu_s,
                "worker_rss": max(_mib(worker.memory_info().rss) for worker in workers),
                "supervisor_rss": _mib(first.memory_info().rss),
                "monitor_rss": sum(_mib(monitor.memory_info().rss) for monitor in monitors),
                "all_pss": sum(_mib(member.memory_full_info().pss) for member in (first, *children)),
            }


def _wait_until_imported(monitors: Sequence[psutil.Process]) -> None:
    """Wait until monitor processes, which run only when no other process needs the core, do not grow any more."""
    sizes: list[int] = []
    for _ in range(GROWTH_CHECKS):
        former_sizes, sizes = sizes, [monitor.memory_info().rss for monitor in monitors]
        if sizes == former_sizes:
            return
        time.sleep(GROWTH_CHECK_S)


def _mib(size: float) -> float:
    return size / 2**20


def _imports(name: str, python: Path, source: Path, model: str, repeats: int) -> dict[str, float]:
    """Return the milliseconds of imports by package, each the lowest of some processes."""
    lowest: dict[str, float] = {}
    for _ in range(repeats):
        process = subprocess.run(
            [str(python), "-X", "importtime", "-c", f"import sys; {IMPORTS[name]}", model],
            cwd=source,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        if process.returncode:
            raise BenchmarkError(f"the imports of {name} failed:\n{process.stderr[-2_000:]}")
        for package, duration_ms in import_times(process.stderr).items():
            lowest[package] = min(duration_ms, lowest.get(package, duration_ms))
    return dict(sorted(lowest.items(), key=lambda item: -item[1]))


def _measure(model: str, starts: int, core: int) -> dict[str, Any]:
    tag, bento = built_bento(model)
    folder = Path(run(sys.executable, "-c", f"import bentoml; print(bentoml.get({bento!r}).path)").splitlines()[-1])
    with serving_environment() as python:
        # As in an image, all sources are compiled.
        run(str(python), "-m", "compileall", "-q", str(folder / "src"), str(python.parents[1] / "lib"))
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
        for number in range(starts + 1):
            for name in SERVERS:
                row = _start(name, python, bento, folder, core)
                if number:  # the first start of each reads files that are not in memory yet
                    rows[name].append(row)
                sys.stderr.write(f"start {number} of {starts}, {name}: ready after {row['ready']:.2f} s\n")
        imports = {name: _imports(name, python, folder / "src", tag, 5) for name in SERVERS}
    return {
        "question": (__doc__ or "").splitlines()[0],
        "command": f"make footprint MODEL={model}",
        "machine": describe_machine(),
        "model": tag,
        "starts": starts,
        "cores": 1,
        "servers": {
            name: {
                key: {
                    "min": min(row[key] for row in server_rows),
                    "median": statistics.median(row[key] for row in server_rows),
                    "max": max(row[key] for row in server_rows),
                }
                for key in server_rows[0]
            }
            for name, server_rows in rows.items()
        },
        "imports_ms": {
            name: {package: round(ms, 1) for package, ms in times.items()} for name, times in imports.items()
        },
    }


def tables(results: Mapping[str, Any]) -> str:
    """Return the tables of a document in Markdown: phases and memory, then imports."""
    servers, imports = results["servers"], results["imports_ms"]
    labels = {
        **{phase: f"{phase}, s" for phase in PHASES},
        "ready": "**start to the first 200 of `/readyz`, s**",
        "cpu": "CPU time of all processes until then, s",
        "worker_rss": "**resident memory of the worker, MiB**",
        "supervisor_rss": "resident memory of the first process, MiB",
        "monitor_rss": "resident memory of the monitor process, MiB",
        "all_pss": "all processes, shared pages counted once (PSS), MiB",
    }
    lines = [
        f"{results['machine']['cpu']}, one core, Python {results['machine']['python']}, {results['model'].partition(':')[0]},"
        f" medians of {results['starts']} starts (minimum to maximum).",
        "",
        "| | " + " | ".join(f"`{name}`" if name != "image" else "image" for name in SERVERS) + " |",
        "| --- |" + " --- |" * len(SERVERS),
    ]
    for key, label in labels.items():
        digits = 0 if label.endswith("MiB") or label.endswith("MiB**") else 2
        cells = [
            f"{cell['median']:.{digits}f} ({cell['min']:.{digits}f} to {cell['max']:.{digits}f})"
            for cell in (servers[name][key] for name in SERVERS)
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    packages = {name: list(imports[name].items()) for name in SERVERS}
    lines += ["", "| imports of `bentoml serve` | ms | imports of the image | ms |", "| --- | --- | --- | --- |"]
    for row in range(LISTED_PACKAGES):
        cells = [
            f"`{packages[name][row][0]}` | {packages[name][row][1]:.0f}" if row < len(packages[name]) else " | "
            for name in SERVERS
        ]
        lines.append(f"| {' | '.join(cells)} |")
    remainders = [sum(ms for _, ms in packages[name][LISTED_PACKAGES:]) for name in SERVERS]
    totals = [sum(imports[name].values()) for name in SERVERS]
    lines.append(f"| others | {remainders[0]:.0f} | others | {remainders[1]:.0f} |")
    lines.append(f"| all | {totals[0]:.0f} | all | {totals[1]:.0f} |")
    return "\n".join(lines)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw the phases of both servers as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.2), layout="constrained")
    axes = figure.subplots()
    left = dict.fromkeys(SERVERS, 0.0)
    for phase in PHASES:
        widths = [max(0.0, results["servers"][name][phase]["median"]) for name in SERVERS]
        axes.barh(list(SERVERS), widths, left=list(left.values()), label=phase)
        left = {name: left[name] + width for name, width in zip(SERVERS, widths, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel("seconds from the start of the first process, one core")
    figure.legend(loc="outside upper center", ncols=len(PHASES), fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write results, tables and picture; the exit code is 1 if a server does not start."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.start_phases", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--model", required=True, help="the model whose latest bundle is served")
    parser.add_argument(
        "--starts", type=int, default=10, help="starts of each server (default 10), after one that is not counted"
    )
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core of the servers")
    parser.add_argument("--dry-run", action="store_true", help="print the tables, and write no file")
    options = parser.parse_args(arguments)
    try:
        results = _measure(options.model, options.starts, options.core)
        if not options.dry_run:
            text = f"{tables(results)}\n\n![The phases of a start]({PICTURE.relative_to(DOCUMENT.parent)})"
            write_between(DOCUMENT, "<!-- start -->", "<!-- end of start -->", text)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
            draw(results, PICTURE)
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(tables(results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
