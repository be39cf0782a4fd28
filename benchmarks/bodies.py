"""The requests of the benchmark: the rows to send and the expected answers.

A folder for each model holds ``model.json`` (where things are) and two files of JSON lines, each line one request and
its answers: ``single.jsonl`` with one row a request, ``batch.jsonl`` with a hundred. ``benchmarks.peers.registry`` has the format of a
row and the beginning of an answer for each server.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pandas as pd

from benchmarks.process import ROOT, BenchmarkError
from runners.session import OnnxSession
from tabento.bundle.format import CONTRACT_FILE
from tabento.bundle.store import Bundle
from tabento.packaging.examples import to_json_row
from tabento.tables.frames import to_frame, to_rows

FOLDER = ROOT / "runs" / "bench" / "models"
BODIES = 512
"""The number of distinct requests of the load generator: enough that no server can answer from a cache by accident."""
ROWS_PER_BATCH = 100
SEED = 11
SINGLE_FILE, BATCH_FILE, MODEL_FILE = "single.jsonl", "batch.jsonl", "model.json"


@dataclass(frozen=True)
class BenchModel:
    """One model of the benchmark and the paths of its parts."""

    name: str
    tag: str
    """The bundle in the model store."""
    model: Path
    """The ONNX graph that every server runs."""
    contract: Path
    """``contract.json`` of the bundle."""
    pipeline: Path
    """The pickled pipeline, for the server that runs scikit-learn."""
    single: Path
    """Requests of one row."""
    batch: Path
    """Requests of ``ROWS_PER_BATCH`` rows."""


@dataclass(frozen=True)
class Body:
    """One request and its answers."""

    rows: list[dict[str, Any]]
    """Rows as a client sends them."""
    predictions: list[str]
    """The graph's answer to each row, with enough digits for the same float64."""
    pipeline: list[str]
    """The scikit-learn pipeline's answers; the last digits may differ from the graph's."""


def write_requests(bundle: Bundle, frame: pd.DataFrame, folder: Path, bodies: int = BODIES) -> BenchModel:
    """Write a bundle's requests and ``model.json``.

    Args:
        bundle: gives the contract, the graph and, by its provenance, the pipeline.
        frame: validated rows from which requests are sampled, at least one.
        folder: the folder of the three files.
        bodies: the number of requests of each kind.

    Raises:
        BenchmarkError: the bundle does not name its pipeline, or there are fewer rows than requests.
    """
    tag = bundle.manifest.provenance.pipeline_tag
    if tag is None:
        raise BenchmarkError(f"{bundle.tag} has no record of its pipeline: train it again")
    if len(frame) < bodies:
        raise BenchmarkError(f"expected at least {bodies} rows to draw requests from, got {len(frame)}: give more data")
    contract = bundle.contract
    rng = np.random.default_rng(SEED)
    rows = to_rows(frame, contract)
    answers = [repr(value) for value in OnnxSession(bundle.model_path, rows.shape[1]).run(rows)]
    fitted = bentoml.sklearn.load_model(tag)
    truths = [repr(float(value)) for value in fitted.predict(to_frame(rows, contract))]
    texts = [json.dumps(to_json_row(row, contract)) for row in frame.to_dict("records")]
    folder.mkdir(parents=True, exist_ok=True)
    for file, count in ((SINGLE_FILE, 1), (BATCH_FILE, ROWS_PER_BATCH)):
        with (folder / file).open("w", encoding="utf-8") as out:
            order = rng.permutation(len(rows))[:bodies, np.newaxis]
            for indices in order if count == 1 else rng.integers(len(rows), size=(bodies, count)):
                out.write(
                    f'{{"rows": [{", ".join(texts[index] for index in indices)}],'
                    f' "predictions": {json.dumps([answers[index] for index in indices])},'
                    f' "pipeline": {json.dumps([truths[index] for index in indices])}}}\n'
                )
    model = BenchModel(
        name=bundle.name,
        tag=bundle.tag,
        model=bundle.model_path,
        contract=bundle.path / CONTRACT_FILE,
        pipeline=next(Path(bentoml.models.get(tag).path).glob("saved_model.*")),
        single=folder / SINGLE_FILE,
        batch=folder / BATCH_FILE,
    )
    (folder / MODEL_FILE).write_text(json.dumps(asdict(model), default=str, indent=2) + "\n", encoding="utf-8")
    return model


def load_model(name: str, folder: Path = FOLDER) -> BenchModel:
    """Return a model that was made before.

    Raises:
        BenchmarkError: it was not, or the model store has lost it.
    """
    path = folder / name / MODEL_FILE
    remedy = "Make it with `python -m benchmarks.models`."
    if not path.is_file():
        raise BenchmarkError(f"there is no model {name} in {folder}. {remedy}")
    content = json.loads(path.read_text(encoding="utf-8"))
    texts, paths = ("name", "tag"), ("model", "contract", "pipeline", "single", "batch")
    model = BenchModel(*(content[key] for key in texts), *(Path(content[key]) for key in paths))
    if not model.model.is_file():
        raise BenchmarkError(f"the model store has no {model.tag} any more. {remedy}")
    return model


def read_bodies(path: Path, limit: int | None = None) -> list[Body]:
    """Return the requests of a ``.jsonl`` file, at most ``limit`` of them."""
    with path.open(encoding="utf-8") as file:
        return [Body(**json.loads(line)) for _, line in zip(range(limit or sys.maxsize), file, strict=False)]
