"""A run's results as files: JSON for programs, ``docs/zoo.md`` for readers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.zoo import speed, table
from benchmarks.zoo.data import FIT_ROWS, ROWS, SEED
from benchmarks.zoo.results import Result
from benchmarks.zoo.speed import Passes
from benchmarks.zoo.timing import ROUNDS

_HEAD = f"""# The zoo: many pipelines, exported exactly and naively

Written by `python -m benchmarks.zoo --docs docs/zoo.md`; [export.md](export.md) lists the classes that the export converts,
and describes the proof.

Each pipeline is fitted on {FIT_ROWS:,} of {ROWS:,} synthetic rows (seed {SEED}; on 800 rows if the estimator keeps its training rows),
exported by `tabento.export`, and compared with scikit-learn by `tabento.parity`: on rows outside the training part, and on
hostile rows: on thresholds and next to them, at the ends of the ranges, with missing and unknown values. The naive conversion
is `skl2onnx.convert_sklearn` as its documentation shows it, with float32 inputs, on the same rows. skl2onnx alone does not
convert XGBoost and LightGBM.

- *task*: a number, true or false (`binary`), one of three texts (`classes`) or integers (`grades`), two numbers (`outputs`).
- *exact*: the largest relative difference of a number or a probability; rows that reach another leaf in some tree; rows that
  get another label; the largest difference of a probability. On *undecided* rows scikit-learn's own answers
  differ.
- *naive*: the share of rows that are off by more than 1e-4 (relative for numbers, absolute for probabilities, or another
  label), on the plain test rows and on all; the largest difference; rows that get another label.
- *µs a row*: ONNX Runtime on one thread, called with one row and with 100, both graphs in alternation, best of {ROUNDS} rounds. A
  call has a fixed cost of about 3 µs, regardless of the graph.
"""


def write_json(path: Path, results: Sequence[Result], passes: Sequence[Passes], machine: Mapping[str, Any]) -> None:
    """Write all results, with the computer and the versions of the measurement."""
    content = {
        "machine": dict(machine),
        "rows": ROWS,
        "seed": SEED,
        "results": [result.model_dump(mode="json") for result in results],
        "passes": [measured.model_dump(mode="json") for measured in passes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def document(results: Sequence[Result], passes: Sequence[Passes], machine: Mapping[str, Any]) -> str:
    """Return ``docs/zoo.md``."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if name in _NAMED)
    parts = [
        _HEAD,
        f"Measured on {machine['cores']} cores of {machine['cpu']}, {machine['system']}, Python {machine['python']},"
        f" {versions}.\n",
        "## In short\n",
        table.summary(results),
        "## By family\n",
        "The speeds are geometric means over the pipelines that have both graphs.\n",
        table.families(results),
    ]
    if passes:
        parts += [
            "## What the passes save\n",
            "The same graph before and after the passes fold, pack and prune it.\n",
            speed.markdown(passes),
        ]
    parts += ["## Pipeline by pipeline\n", table.markdown(results)]
    return "\n".join(parts)


_NAMED = ("scikit-learn", "onnxruntime", "skl2onnx", "numpy", "xgboost", "lightgbm")
