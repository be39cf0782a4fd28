"""A running container: its answers, its metrics and its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import numpy as np
import pytest

from deploy.container import STATE_FOLDER, Container
from deploy.engine import PYTHON
from serving.codec.decode import Decoder
from tabento.bundle.store import load_bundle
from tabento.export.pipeline_answers import pipeline_answers
from tabento.tables.frames import to_frame
from tests.bundles import TREE, classifier_answer, classifier_contract
from tests.conftest import bentoml_home
from tests.image.conftest import CLASSIFIER, TestedImage
from tests.orchard_rows import orchard_rows
from tests.servers import wait_until

RELATIVE_LIMIT = 1e-9
"""The largest relative difference between image and pipeline; only the order of additions causes differences."""
ROWS = 1_000


@pytest.fixture
def client(container: Container, image: TestedImage) -> Iterator[httpx.Client]:
    """A client with an API key."""
    with httpx.Client(base_url=container.address, headers={"X-API-Key": image.secret}, timeout=60) as client:
        yield client


def test_it_predicts_like_the_pipeline(client: httpx.Client, image: TestedImage, session_store: Path) -> None:
    """The scikit-learn pipeline of the model store and the image give the same numbers for a thousand new rows."""
    rows = orchard_rows(ROWS)
    body = json.dumps({"instances": rows}).encode()
    with bentoml_home(session_store):
        bundle = load_bundle(image.bundle)
        tag = bundle.manifest.provenance.pipeline_tag
        assert tag is not None
        pipeline = bentoml.sklearn.load_model(tag)
    decoded = Decoder(bundle.contract, ROWS).decode(body)
    frame = to_frame(np.frombuffer(decoded.data).reshape(ROWS, -1), bundle.contract)
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"}).json()
    expected = pipeline_answers(pipeline, frame, bundle.contract)
    np.testing.assert_allclose(answer["predictions"], expected, rtol=RELATIVE_LIMIT)
    assert f"{answer['model']}:{answer['version']}" == image.bundle
    single_answer = client.post("/predict", json=rows[7]).json()
    assert single_answer["prediction"] == pytest.approx(expected[7], rel=RELATIVE_LIMIT)


def test_the_second_model_answers_at_its_own_path(client: httpx.Client, image: TestedImage) -> None:
    """A Bento of two models serves both; the classifier's label and probabilities are the ones computed by hand."""
    answer = client.post(f"/models/{CLASSIFIER}/predict", json=TREE).json()
    label, probabilities = classifier_answer(TREE, classifier_contract(name=CLASSIFIER))
    assert answer["prediction"] == label
    assert answer["probabilities"] == pytest.approx(probabilities)
    assert f"{answer['model']}:{answer['version']}" == image.classifier
    assert client.post("/models/pear/predict", json=TREE).status_code == 404


def test_callers_without_a_key_are_refused(container: Container) -> None:
    """Predictions and metrics need a key; the health routes do not."""
    assert httpx.post(f"{container.address}/predict", json=TREE).status_code == 401
    assert httpx.get(f"{container.address}/metrics").status_code == 401
    assert httpx.get(f"{container.address}/livez").status_code == 200


def test_predictions_are_counted_and_logged(client: httpx.Client, container: Container) -> None:
    """The metrics count them, and the prediction log on the state volume has their file."""
    page = client.get("/metrics").text
    before = _rows(page)
    assert client.post("/predict", json={"instances": [TREE] * 5}).status_code == 200
    assert _rows(client.get("/metrics").text) == before + 5
    listing = (
        "import pathlib, sys;"
        " print(sum(path.stat().st_size for path in pathlib.Path(sys.argv[1]).rglob('*.jsonl*') if path.is_file()))"
    )
    wait_until(
        lambda: int(container.execute(PYTHON, "-c", listing, f"{STATE_FOLDER}/monitoring").stdout or 0) > 0,
        "the prediction log",
    )


def _rows(page: str) -> float:
    lines = [line for line in page.splitlines() if line.startswith("tabento_model_rows_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_each_line_of_the_log_is_a_record(container: Container) -> None:
    """All processes write JSON, and nothing of a healthy service is an error.

    ONNX Runtime tells in its own words that the classifier's graph, which was made by hand, has an unused value.
    """
    records = [record for record in container.records() if "onnxruntime" not in record["message"]]
    assert {"supervisor", "worker"} <= {record.get("process") for record in records}
    messages = [record["message"] for record in records if record.get("level") not in ("debug", "info", "warning")]
    assert messages == []


def test_the_health_names_no_degraded_part(client: httpx.Client) -> None:
    """With the state volume, every component is healthy."""

    def degraded() -> list[str]:
        components = client.get("/health").json()["components"]
        return [f"{name}: {part['message']}" for name, part in components.items() if part["status"] != "healthy"]

    wait_until(lambda: degraded() == [], "the monitor process, which starts after the worker")
