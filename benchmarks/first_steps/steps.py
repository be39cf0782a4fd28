"""The steps of ``make serve DATA=… TARGET=…``, in sequence and timed, up to the first prediction."""

from __future__ import annotations

import csv
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.first_steps.tables import SyntheticTable
from benchmarks.process import post, run, serve_bento

COMMAND = "make serve DATA={file} TARGET={target}"
"""The command that a user types."""


@dataclass(frozen=True)
class FirstSteps:
    """The effort from a file to a prediction."""

    table: str
    rows: int
    columns: int
    command: str
    edits: int
    """The number of necessary edits of the config."""
    doubts: int
    """The number of decisions that the tool was not sure of."""
    init_s: float
    train_s: float
    serve_s: float
    answer: Any
    """The prediction for the table's first row."""

    @property
    def seconds(self) -> float:
        """From the command to the first prediction."""
        return self.init_s + self.train_s + self.serve_s


def take_first_steps(table: SyntheticTable, folder: Path) -> FirstSteps:
    """Go from a table to a served prediction as ``make serve DATA=… TARGET=…`` does, with folders of its own.

    Args:
        table: is written into the folder.
        folder: empty; gets everything that is made.

    Raises:
        BenchmarkError: a step failed; with all that it printed.
    """
    file = table.write(folder)
    environment = {
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "TABENTO_TRAINING_DATA_FOLDER": str(folder / "data"),
        "TABENTO_TRAINING_RUNS_FOLDER": str(folder / "runs"),
        "TABENTO_TRAINING_ARTIFACTS_FOLDER": str(folder / "artifacts"),
    }
    config = folder / "config.yaml"
    training = (sys.executable, "-m", "training")
    start_s = time.perf_counter()
    out = run(
        *training, "init", str(file), "--target", table.target, "--out", str(config), "--print-paths", **environment
    )
    data = Path(out.splitlines()[-1])
    initialised = time.perf_counter()
    tag = run(*training, "ensure", "--config", str(config), "--data", str(data), **environment).splitlines()[-1]
    trained = time.perf_counter()
    row, columns = first_row(data, config)
    with serve_bento(sys.executable, "service:Tabento", "--arg", f"model={tag}", environment=environment) as server:
        answer = post(f"{server.address}/predict", row)["prediction"]
        answered_s = time.perf_counter()
    doubts = config.read_text(encoding="utf-8").count("\n# - ")
    return FirstSteps(
        table.name,
        table.rows,
        columns,
        COMMAND.format(file=file.name, target=table.target),
        0,
        doubts,
        initialised - start_s,
        trained - initialised,
        answered_s - trained,
        answer,
    )


def first_row(data: Path, config: Path) -> tuple[dict[str, Any], int]:
    """Return a table's first row as a client would send it, and the number of columns of the table.

    Cells stay as in the file; numbers in number columns are sent as numbers. A cell that no feature takes
    is left out.
    """
    with data.open(encoding="utf-8-sig", newline="") as file:
        cells = next(iter(csv.DictReader(file)))
    features = {str(feature["name"]): feature for feature in yaml.safe_load(config.read_text("utf-8"))["features"]}
    row: dict[str, Any] = {}
    for name, feature in features.items():
        cell = cells[name]
        is_number = feature["type"] in ("number", "integer") and cell not in feature.get("missing", ())
        row[name] = json.loads(cell) if is_number else cell
    return row, len(cells)
