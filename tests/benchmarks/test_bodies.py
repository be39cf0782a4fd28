"""Requests and the answers that they must get."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml
import numpy as np
import pandas as pd
import pytest

from benchmarks.bodies import (
    MODEL_FILE,
    ROWS_PER_BATCH,
    BenchModel,
    load_model,
    read_bodies,
    write_requests,
)
from benchmarks.process import BenchmarkError
from runners.session import OnnxSession
from serving.codec.decode import Decoder
from tabento.bundle.contract import Contract
from tabento.bundle.store import load_bundle
from tabento.tables.frames import to_frame
from tests.conftest import ORCHARD
from training.config import load_config
from training.data.synthetic import generate
from training.data.validation import validate

BODIES = 12


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows of the orchard."""
    config = load_config(ORCHARD)
    return validate(generate(config.synthetic, 60), config)


@pytest.fixture
def bench_model(orchard_bundle: str, frame: pd.DataFrame, tmp_path: Path) -> BenchModel:
    """The orchard's requests."""
    return write_requests(load_bundle(orchard_bundle), frame, tmp_path / "orchard", BODIES)


@pytest.mark.slow
def test_requests_are_valid_and_distinct(bench_model: BenchModel) -> None:
    """The service's own decoder takes every row, and no two single requests are equal."""
    decoder = Decoder(Contract.model_validate_json(bench_model.contract.read_bytes()), max_rows=1)
    bodies = read_bodies(bench_model.single)
    assert len({str(body.rows) for body in bodies}) == BODIES
    for body in bodies:
        assert len(body.rows) == len(body.predictions) == len(body.pipeline) == 1
        assert decoder.decode(_json(body.rows[0])).count == 1


def _json(row: dict[str, object]) -> bytes:
    return json.dumps(row).encode()


def test_expected_answers_are_those_of_graph_and_pipeline(bench_model: BenchModel, orchard_bundle: str) -> None:
    """They are equal up to the last bit, in which the orchard's exponential depends on the row's position in a batch."""
    bundle = load_bundle(orchard_bundle)
    contract = bundle.contract
    decoder, session = Decoder(contract, max_rows=1), OnnxSession(bundle.model_path, len(contract.features))
    pipeline = bentoml.sklearn.load_model(bundle.manifest.provenance.pipeline_tag)
    for body in [*read_bodies(bench_model.single, 5), *read_bodies(bench_model.batch, 1)]:
        data = b"".join(decoder.decode(_json(row)).data for row in body.rows)
        rows = np.frombuffer(data).reshape(len(body.rows), -1)
        assert [float(text) for text in body.predictions] == pytest.approx(session.run(rows), rel=4e-16, abs=0)
        truths = pipeline.predict(to_frame(rows, contract)).tolist()
        assert [float(text) for text in body.pipeline] == pytest.approx(truths, rel=4e-16, abs=0)


def test_batches_have_their_rows(bench_model: BenchModel) -> None:
    """As many requests as of single rows, each of a hundred rows."""
    assert [len(body.rows) for body in read_bodies(bench_model.batch)] == [ROWS_PER_BATCH] * BODIES


def test_a_model_is_found_again(bench_model: BenchModel, tmp_path: Path) -> None:
    """A written model can be loaded, and every part of it exists."""
    loaded = load_model("orchard", tmp_path)
    assert loaded == bench_model
    assert loaded.pipeline.is_file()


def test_what_is_gone_is_told(bench_model: BenchModel, tmp_path: Path) -> None:
    """A model that was never made, and one whose bundle was deleted: both errors name the command."""
    with pytest.raises(BenchmarkError, match=r"no model elm.*benchmarks\.models"):
        load_model("elm", tmp_path)
    path = tmp_path / "orchard" / MODEL_FILE
    path.write_text(path.read_text().replace("model.onnx", "gone.onnx"))
    with pytest.raises(BenchmarkError, match="has no orchard:"):
        load_model("orchard", tmp_path)


def test_too_few_rows(orchard_bundle: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    """Distinct requests need as many rows; the error gives both numbers."""
    with pytest.raises(BenchmarkError, match=r"at least 61 rows .* got 60"):
        write_requests(load_bundle(orchard_bundle), frame, tmp_path, 61)


def test_a_bundle_without_a_pipeline(linear_bundle: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    """A bundle without a pipeline is an error, because scikit-learn could not serve it."""
    with pytest.raises(BenchmarkError, match="no record of its pipeline"):
        write_requests(load_bundle(linear_bundle), frame, tmp_path, 1)
