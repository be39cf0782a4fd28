"""The fleet of the benchmark: a model store with many small models, each fitted and exported like a user's model.

Every model is a pipeline of its own: rows of its own from a seed, fitted by scikit-learn, exported, compared with its graph and sealed.
Five kinds take turns: ridge regression, a decision tree, boosted trees, logistic regression and a random forest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from benchmarks.process import BenchmarkError
from tabento.bundle.contract import Contract, Feature, Output, answer_width
from tabento.bundle.format import BENTOML_MODULE, MANIFEST_FILE
from tabento.bundle.manifest import Provenance
from tabento.bundle.session import open_session
from tabento.export import export_pipeline, serialise
from tabento.packaging.examples import pick_examples
from tabento.packaging.reference import build_reference
from tabento.packaging.save import Contents, write_files
from tabento.parity.sessions import answers
from tabento.tables.frames import to_frame, to_rows

ROWS = 300
"""The number of rows on which each model is fitted."""
NUMBERS = tuple(f"measure_{number}" for number in range(1, 7))
CATEGORIES = {"region": ("north", "south", "west"), "plan": ("free", "basic", "pro", "team")}
LABELS = ("no", "yes")
ESTIMATORS: tuple[Callable[[], Any], ...] = (
    Ridge,
    lambda: DecisionTreeRegressor(max_depth=6, random_state=1),
    lambda: GradientBoostingRegressor(n_estimators=20, max_depth=3, random_state=1),
    LogisticRegression,
    lambda: RandomForestClassifier(n_estimators=10, max_depth=6, random_state=1),
)
FOREST_KIND = 4
LIMIT = 1e-9
"""The largest relative difference of a graph's and a pipeline's answer."""
COMPARED_ROWS = 100
VERSION = "1"
FINGERPRINT_FILE = "fleet.json"


class Comparison(BaseModel):
    """The comparison of graph and pipeline, for ``parity.json``."""

    rows: int
    worst_relative: float


class NoLatency(BaseModel):
    """The content of ``latency.json``: nobody measures these models one by one."""


def model_name(number: int) -> str:
    """Return the name of a model of the fleet."""
    return f"tenant_{number:04d}"


def make_rows(number: int, count: int = ROWS) -> pd.DataFrame:
    """Return rows of one tenant, from a seed: a few missing numbers, and a target with noise.

    The target of a classifier is the index of the label.
    """
    random = np.random.default_rng([31, number])
    values = random.normal(
        random.normal(0, 5, len(NUMBERS)), random.uniform(0.5, 3, len(NUMBERS)), (count, len(NUMBERS))
    )
    frame = pd.DataFrame(values.round(3), columns=list(NUMBERS))
    for name, categories in CATEGORIES.items():
        frame[name] = random.choice(categories, count)
    weights = random.normal(0, 1, len(NUMBERS))
    frame["target"] = (
        values @ weights
        + random.normal(0, 2) * (frame["region"] == "south")
        + random.normal(0, 2) * (frame["plan"] == "pro")
        + random.normal(0, 0.3, count)
    ).round(3)
    if _is_classifier(number):
        frame["target"] = (frame["target"] > frame["target"].median()).astype(np.float64)
    frame.loc[random.random(count) < 0.03, NUMBERS[0]] = np.nan
    return frame


def _is_classifier(number: int) -> bool:
    return number % len(ESTIMATORS) >= 3


def make_contract(number: int) -> Contract:
    """Return the contract of a model of the fleet."""
    is_classifier = _is_classifier(number)
    features = (
        *(Feature(name=name, type="number", nullable=name == NUMBERS[0]) for name in NUMBERS),
        *(Feature(name=name, type="category", categories=values) for name, values in CATEGORIES.items()),
    )
    # The last bits of a logistic regression's probabilities depend on the rows beside a row; its label does not.
    output = (
        Output(name="target", classes=LABELS, probabilities=number % len(ESTIMATORS) == FOREST_KIND)
        if is_classifier
        else Output(name="target")
    )
    return Contract(
        name=model_name(number),
        title=f"Tenant {number}",
        description="A small model of one tenant, for the benchmark of many models.",
        task="classification" if is_classifier else "regression",
        features=features,
        output=output,
    )


def make_contents(number: int) -> Contents:
    """Fit and export a model, and return the content of its bundle.

    Raises:
        BenchmarkError: graph and pipeline have different answers.
    """
    contract, frame = make_contract(number), make_rows(number)
    inputs = to_frame(to_rows(frame, contract), contract)
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(NUMBERS)),
            ("categories", OneHotEncoder(), list(CATEGORIES)),
        ]
    )
    target = frame["target"].to_numpy()
    if contract.output.classes is not None:
        target = np.array(LABELS)[target.astype(np.intp)]
    pipeline = Pipeline([("prepare", prepare), ("model", ESTIMATORS[number % len(ESTIMATORS)]())]).fit(inputs, target)
    model = serialise(export_pipeline(pipeline, contract))
    described = _answers_of(pipeline, inputs, contract)
    width = answer_width(contract)
    expected = described if width is None else described[:, :width]
    parity = _compare(model, to_rows(frame, contract)[:COMPARED_ROWS], expected[:COMPARED_ROWS], contract.name)
    return Contents(
        model=model,
        contract=contract,
        reference=build_reference(contract, frame, described),
        examples=pick_examples(frame, expected, contract),
        latency=NoLatency(),
        metrics={"rows": ROWS},
        parity=parity,
        card=f"# {contract.title}\n\nFor the benchmark only: {type(pipeline[-1]).__name__} on {ROWS} rows from a seed.\n",
    )


def _answers_of(pipeline: Any, inputs: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Return the pipeline's answers, shape (N,); of a classifier the index of the label, then all probabilities."""
    if contract.output.classes is None:
        return np.asarray(pipeline.predict(inputs), np.float64)
    indices = np.searchsorted(pipeline.classes_, pipeline.predict(inputs)).astype(np.float64)
    return np.column_stack([indices, pipeline.predict_proba(inputs)])


def _compare(model: bytes, rows: NDArray[np.float64], expected: NDArray[np.float64], name: str) -> Comparison:
    actual = answers(open_session(model), rows)
    worst = float(np.max(np.abs(actual - expected) / np.maximum(np.abs(expected), 1.0)))
    if worst > LIMIT:
        raise BenchmarkError(
            f"the graph of {name} differs from its pipeline by {worst:.2g}; expected at most {LIMIT:g}"
        )
    return Comparison(rows=len(rows), worst_relative=worst)


def store_model(number: int, fingerprint: str) -> str:
    """Store a model of the fleet in the model store, and return its tag."""
    import bentoml

    contents = make_contents(number)
    tag = f"{contents.contract.name}:{VERSION}"
    provenance = Provenance(
        data="synthetic",
        data_source=f"benchmarks.fleet, seed {number}",
        data_sha256=hashlib.sha256(make_rows(number).to_csv(index=False).encode()).hexdigest(),
        rows=ROWS,
        fingerprint=fingerprint,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": sys.version.partition(" ")[0]},
    )
    with bentoml.models.create(tag, module=BENTOML_MODULE, labels={"fingerprint": fingerprint}) as model:
        write_files(Path(model.path), contents, provenance)
    return tag


def code_fingerprint() -> str:
    """Return a checksum of the code that makes the fleet: a fleet of other code is made again."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def ensure_fleet(folder: Path, count: int) -> None:
    """Make the models of a fleet that a folder does not have yet.

    Args:
        folder: the folder for BENTOML_HOME; a fleet of other code is an error.
        count: the number of models.

    Raises:
        BenchmarkError: the folder holds a fleet of other code, or a model could not be made.
    """
    mark, fingerprint = folder / FINGERPRINT_FILE, code_fingerprint()
    if mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) != fingerprint:
        raise BenchmarkError(f"{folder} holds a fleet that other code made. Remove the folder.")
    missing = [number for number in range(count) if not _is_stored(folder, number)]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(fingerprint), encoding="utf-8")
    # BentoML reads BENTOML_HOME once, so a process of its own writes the store.
    environment = {**os.environ, "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.fleet.bundles", str(missing[0]), str(count)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        raise BenchmarkError(f"the fleet could not be made:\n{process.stderr}")


def _is_stored(folder: Path, number: int) -> bool:
    return (folder / "models" / model_name(number) / VERSION / MANIFEST_FILE).is_file()


def main() -> int:
    """Make the models of a range of numbers in the model store of BENTOML_HOME."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.bundles", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("stop", type=int)
    arguments = parser.parse_args()
    home = Path(os.environ["BENTOML_HOME"])
    for number in range(arguments.first, arguments.stop):
        if not _is_stored(home, number):
            store_model(number, code_fingerprint())
    return 0


if __name__ == "__main__":
    sys.exit(main())
