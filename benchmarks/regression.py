"""Did the service become slower, larger or less steady? Compares measured results with those of earlier runs.

``python -m benchmarks.regression NOW BEFORE...`` reads folders of results, as ``make bench`` and ``make footprint`` write them,
and compares each measure with the median of the earlier runs. The workflow nightly.yml runs it every night.

Ratios to a server that was measured in the same minutes are compared on any computer. Absolute measures are compared only
with runs on the same kind of computer, because hosted runners have different processors.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

RATIO_TOLERANCE = 0.12
"""The rate of a server varies by some 8% between two runs of ``make bench`` on one computer (quartiles of side_by_side.json)."""
RATE_TOLERANCE = 0.2
READY_TOLERANCE = 0.3
MEMORY_TOLERANCE = 0.05
SIZE_TOLERANCE = 0.03

FINE, WORSE, NOTHING_COMPARED = 0, 1, 3


@dataclass(frozen=True)
class Measure:
    """One number of a run."""

    name: str
    value: float
    better: Literal["higher", "lower"]
    tolerance: float
    """The share by which it may become worse."""
    machine: str | None
    """The kind of computer that measured it; None if the number does not depend on it."""


@dataclass(frozen=True)
class Comparison:
    """A measure beside the earlier ones."""

    name: str
    before: float | None
    """The median of the earlier values; None if there is no comparable one."""
    now: float
    change: float | None
    """The relative change: 0.1 is a value that is 10% higher."""
    limit: float
    verdict: Literal["same", "better", "worse", "new"]


def read_measures(folder: Path) -> dict[str, Measure]:
    """Return the measures of a folder of results, by name. Files that are missing are not measured.

    Raises:
        ValueError: a file is not JSON, or lacks a key.
    """
    measures: dict[str, Measure] = {}
    readers = {"side_by_side.json": _side_by_side, "footprint.json": _footprint, "start.json": _start}
    for name, read in readers.items():
        path = folder / name
        if not path.is_file():
            continue
        try:
            measures |= {measure.name: measure for measure in read(json.loads(path.read_text(encoding="utf-8")))}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: expected results of a benchmark, got an error: {error!r}. Measure again."
            ) from error
    return measures


def _machine(document: dict[str, Any]) -> str:
    machine = document["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}"


def _side_by_side(document: dict[str, Any]) -> Iterator[Measure]:
    machine = _machine(document)
    for model in document["models"]:
        rates = {name: server["qps"] for name, server in model["servers"].items()}
        for name, rate in rates.items():
            yield Measure(f"{model['model']}: requests/s of {name}", rate, "higher", RATE_TOLERANCE, machine)
        for name, rate in rates.items():
            if name != "tabento" and "tabento" in rates:
                ratio = rates["tabento"] / rate
                yield Measure(f"{model['model']}: rate against {name}", ratio, "higher", RATIO_TOLERANCE, None)


def _footprint(document: dict[str, Any]) -> Iterator[Measure]:
    machine, model = _machine(document), document["model"].partition(":")[0]
    ready, memory = document["ready_s"]["median"], document["worker_rss_mib"]["median"]
    yield Measure(f"{model}: seconds until ready", ready, "lower", READY_TOLERANCE, machine)
    yield Measure(f"{model}: MiB of a worker", memory, "lower", MEMORY_TOLERANCE, machine)
    yield Measure(f"{model}: MiB of the packages", document["serving_environment_mib"], "lower", SIZE_TOLERANCE, None)


def _start(document: dict[str, Any]) -> Iterator[Measure]:
    """Yield the start and the memory of the server of images; footprint.json has those of BentoML's server."""
    machine, model, image = _machine(document), document["model"].partition(":")[0], document["servers"]["image"]
    yield Measure(
        f"{model}: seconds until an image is ready", image["ready"]["median"], "lower", READY_TOLERANCE, machine
    )
    memory = image["worker_rss"]["median"]
    yield Measure(f"{model}: MiB of a worker of an image", memory, "lower", MEMORY_TOLERANCE, machine)


def compare(now: dict[str, Measure], earlier: Sequence[dict[str, Measure]]) -> list[Comparison]:
    """Compare each measure with the median of the earlier ones."""
    comparisons = []
    for name, measure in now.items():
        candidates = [run[name] for run in earlier if name in run]
        values = [other.value for other in candidates if other.machine == measure.machine]
        if not values:
            comparisons.append(Comparison(name, None, measure.value, None, measure.tolerance, "new"))
            continue
        before = statistics.median(values)
        change = measure.value / before - 1
        loss = -change if measure.better == "higher" else change
        verdict: Literal["same", "better", "worse"] = "same"
        if abs(loss) > measure.tolerance:
            verdict = "worse" if loss > 0 else "better"
        comparisons.append(Comparison(name, before, measure.value, change, measure.tolerance, verdict))
    return comparisons


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons as a table in Markdown, the worse ones first."""
    lines = ["| measure | before | now | change | limit | verdict |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for row in sorted(comparisons, key=lambda comparison: comparison.verdict != "worse"):
        before = "–" if row.before is None else f"{row.before:,.4g}"
        change = "–" if row.change is None else f"{row.change:+.1%}"
        verdict = f"**{row.verdict}**" if row.verdict == "worse" else row.verdict
        lines.append(f"| {row.name} | {before} | {row.now:,.4g} | {change} | {row.limit:.0%} | {verdict} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table.

    Returns:
        0 if no measure became worse, 1 if one did, 3 if no earlier run has a comparable measure.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regression", description=__doc__)
    parser.add_argument("now", type=Path, help="the folder of the new results")
    parser.add_argument("before", type=Path, nargs="*", help="folders of earlier results")
    parser.add_argument("--json", type=Path, help="write the comparisons to this file as well")
    options = parser.parse_args(arguments)
    try:
        now = read_measures(options.now)
        earlier = [read_measures(folder) for folder in options.before]
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WORSE
    if not now:
        sys.stderr.write(f"{options.now} has no results: run `make bench` or `make footprint` first.\n")
        return WORSE
    comparisons = compare(now, earlier)
    sys.stdout.write(table(comparisons))
    if options.json is not None:
        document = [asdict(comparison) for comparison in comparisons]
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if any(comparison.verdict == "worse" for comparison in comparisons):
        return WORSE
    return FINE if any(comparison.before is not None for comparison in comparisons) else NOTHING_COMPARED


if __name__ == "__main__":
    sys.exit(main())
