"""The cost of a large model's export and proof: processor seconds and memory.

Each model is fitted, exported and proven in a process of its own, so that the peak of memory is its own. The command
writes ``benchmarks/results/export_cost.json`` and a picture of the cost by size of the model.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sklearn.ensemble import AdaBoostClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError
from benchmarks.zoo.data import PLAIN, Task, contract_of, shipments
from tabento.bundle.contract import Output
from tabento.export.convert import export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame, to_rows

RESULTS = ROOT / "benchmarks" / "results" / "export_cost.json"
PICTURE = ROOT / "docs" / "images" / "export_cost.png"
FIT_ROWS = 16_000
"""The approximate number of rows for the fit in a table of 20,000 rows."""
TEST_ROWS = 4_000
SEED = 13


def _stumps(count: int) -> AdaBoostClassifier:
    return AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=count, random_state=SEED)


def _forest(trees: int) -> RandomForestRegressor:
    return RandomForestRegressor(trees, max_depth=20, random_state=SEED, n_jobs=2)


CASES: dict[str, tuple[Task, Callable[[], Any]]] = {
    "AdaBoostClassifier, 100 stumps": ("binary", lambda: _stumps(100)),
    "AdaBoostClassifier, 200 stumps": ("binary", lambda: _stumps(200)),
    "AdaBoostClassifier, 400 stumps": ("binary", lambda: _stumps(400)),
    "RandomForestRegressor, 100 trees of depth 20": ("regression", lambda: _forest(100)),
    "RandomForestRegressor, 500 trees of depth 20": ("regression", lambda: _forest(500)),
}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(task: Task, build: Callable[[], Any]) -> dict[str, float]:
    """Fit, export and prove one model in this process.

    Returns:
        Processor seconds of each part, MiB at the peak of memory after each, and the size of the graph in MiB.
    """
    table = shipments(FIT_ROWS + TEST_ROWS)
    model = build()
    output = (
        Output(name="cost") if task == "regression" else Output(name="late", classes=(False, True), probabilities=True)
    )
    contract = contract_of(table.frame[list(PLAIN)], output, "large")
    frame = to_frame(to_rows(table.frame[list(PLAIN)], contract), contract)
    model.fit(frame[:FIT_ROWS], table.targets[task][:FIT_ROWS])
    figures = {"fitted_peak_mib": _peak_mib()}
    started = time.process_time()
    graph = serialise(export_pipeline(model, contract))
    figures |= {"export_s": time.process_time() - started, "export_peak_mib": _peak_mib()}
    figures["graph_mib"] = len(graph) / 2**20
    started = time.process_time()
    report = check_parity(model, graph, contract, frame[FIT_ROWS:])
    figures |= {"proof_s": time.process_time() - started, "proof_peak_mib": _peak_mib(), "rows": report.rows}
    return {name: round(value, 2) for name, value in figures.items()}


def _measure_in_process(name: str) -> dict[str, float]:
    """Measure a case in a process of its own.

    Raises:
        BenchmarkError: the process failed.
    """
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.export_cost", "--alone", name], capture_output=True, text=True, cwd=ROOT
    )
    if process.returncode:
        raise BenchmarkError(f"{name}: {process.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(process.stdout)
    return figures


def draw(results: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Plot the processor seconds and the memory of each model."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(results)[::-1]
    figure, (time_axes, memory_axes) = pyplot.subplots(1, 2, figsize=(11, 0.5 * len(names) + 1.5), sharey=True)
    export = [results[name]["export_s"] for name in names]
    time_axes.barh(names, export, color="#2b6cb0", label="export")
    time_axes.barh(names, [results[name]["proof_s"] for name in names], left=export, color="#90cdf4", label="proof")
    time_axes.set_xlabel("processor seconds")
    time_axes.legend(frameon=False)
    memory_axes.barh(names, [results[name]["proof_peak_mib"] for name in names], color="#d9822b", label="at the peak")
    memory_axes.barh(
        names, [results[name]["fitted_peak_mib"] for name in names], color="#f6d5a8", label="after fitting"
    )
    memory_axes.set_xlabel("memory, MiB")
    memory_axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main() -> None:
    """Measure the requested cases, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(CASES), help="models; all by default")
    parser.add_argument("--alone", choices=list(CASES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(*CASES[options.alone])))
        return
    results = {}
    for name in options.only or CASES:
        results[name] = _measure_in_process(name)
        sys.stderr.write(f"{name}: {results[name]}\n")
    if not options.only:
        draw(results, PICTURE)
        RESULTS.write_text(json.dumps({"machine": describe_machine(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
