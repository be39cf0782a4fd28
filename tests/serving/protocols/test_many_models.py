"""The Open Inference Protocol of a service of several models: versions, cold models, the index, and their numbers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from serving.application import Application
from serving.operations.access_log import AccessLog
from serving.operations.drain import start_draining
from serving.protocols.open_inference import HEADER_LENGTH
from tests.bundles import TREE, classifier_answer, classifier_contract, linear_answer, orchard_contract
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import on_loop
from tests.serving.many_models import serving_models, shelf_of
from tests.serving.protocols.test_open_inference import inputs

ORCHARD = orchard_contract()
HARVEST = classifier_contract()
FROST = classifier_contract((False, True), name="frost", probabilities=False)
BROKEN = classifier_contract((False, True), name="broken", probabilities=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """A service of two loaded models, the default one with a challenger, and of two that are not loaded."""
    folder = tmp_path_factory.mktemp("models")
    with serving_models(folder, [ORCHARD, HARVEST], [FROST, BROKEN], challengers=[ORCHARD]) as service:
        shelf_of(service[1]).faults["broken"] = "its graph is damaged"
        yield service


@pytest.fixture
def client(service: tuple[str, Application]) -> Iterator[httpx.Client]:
    """A client of that service."""
    with httpx.Client(base_url=service[0], timeout=30) as client:
        yield client


def _infer(client: httpx.Client, path: str) -> dict[str, Any]:
    """Return the answer of a model or of one of its versions to the row ``TREE``."""
    answer = client.post(f"/v2/models/{path}/infer", json={"inputs": inputs(TREE)})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_each_model_and_version_answers(client: httpx.Client) -> None:
    """A name reaches the champion, and a version reaches exactly this version, also the challenger's."""
    for path, version in (("orchard", "v1"), ("orchard/versions/v1", "v1"), ("orchard/versions/v2", "v2")):
        answer = _infer(client, path)
        assert (answer["model_name"], answer["model_version"]) == ("orchard", version)
        assert answer["outputs"][0]["data"] == [linear_answer(TREE, ORCHARD)]
    answer = _infer(client, "harvest")
    assert answer["outputs"][0]["data"] == [classifier_answer(TREE, HARVEST)[0]]


def test_binary_data_reaches_the_named_model(client: httpx.Client) -> None:
    """A request with binary data is decoded by the contract of the model that it names."""
    tensor = {"name": "slope", "datatype": "FP64", "shape": [1, 1], "parameters": {"binary_data_size": 8}}
    text = json.dumps({"inputs": [item for item in inputs(TREE) if item["name"] != "slope"] + [tensor]}).encode()
    body = text + np.array([3.5], "<f8").tobytes()
    headers = {HEADER_LENGTH.decode(): str(len(text))}
    answer = client.post("/v2/models/harvest/infer", content=body, headers=headers).json()
    assert answer["outputs"][0]["data"] == [classifier_answer({**TREE, "slope": 3.5}, HARVEST)[0]]


def test_metadata_has_all_versions_and_loads_nothing(service: tuple[str, Application], client: httpx.Client) -> None:
    """The metadata lists champion and challenger; of a model that is not loaded it is read from its bundle."""
    assert client.get("/v2/models/orchard").json()["versions"] == ["v1", "v2"]
    assert client.get("/v2/models/orchard/versions/v2").json()["name"] == "orchard"
    cold = client.get("/v2/models/broken").json()
    assert (cold["versions"], len(cold["inputs"])) == (["v1"], len(TREE))
    assert client.get("/v2/models/broken/versions/v2").status_code == 404
    assert "broken" not in service[1].state.models


def test_a_model_is_ready_unless_it_cannot_be_loaded(client: httpx.Client) -> None:
    """A model that its first request loads is ready; a model whose load failed is not, and the reason is in the answer."""
    for path in ("orchard", "orchard/versions/v2", "harvest", "frost", "frost/versions/v1"):
        assert client.get(f"/v2/models/{path}/ready").json()["ready"] is True
    answer = client.get("/v2/models/broken/ready")
    assert answer.status_code == 503
    assert "its graph is damaged" in answer.json()["error"]
    assert client.get("/v2/models/orchard/versions/v3/ready").status_code == 404


def test_the_index_lists_all_versions(client: httpx.Client) -> None:
    """The index has a line for each version; a filter leaves out models that cannot be loaded."""
    rows = {(row["name"], row["version"]): row["state"] for row in client.post("/v2/repository/index").json()}
    assert rows == {
        ("broken", "v1"): "UNAVAILABLE",
        ("frost", "v1"): "READY",
        ("harvest", "v1"): "READY",
        ("orchard", "v1"): "READY",
        ("orchard", "v2"): "READY",
    }
    ready = client.post("/v2/repository/index", json={"ready": True}).json()
    assert {row["name"] for row in ready} == {"frost", "harvest", "orchard"}
    assert client.post("/v2/repository/index", content=b'{"ready": 1}').status_code == 422
    assert client.post("/v2/repository/index", content=b"{").status_code == 400


def test_invocations_are_of_the_default_model(client: httpx.Client) -> None:
    """The protocols without a model's name answer with the default model."""
    answer = client.post("/invocations", json={"dataframe_records": [TREE]}).json()
    assert (answer["model"], answer["predictions"]) == ("orchard", [linear_answer(TREE, ORCHARD)])


def test_metrics_tell_models_and_versions_apart(service: tuple[str, Application], client: httpx.Client) -> None:
    """Answers, errors and rows are counted by model, version and variant on every route, and the totals are their sums."""
    metrics = service[1].metrics
    before = metrics.models.values()
    timed = sum(metrics.latency_s().counts)
    _infer(client, "orchard/versions/v2")
    client.post("/models/harvest/predict/batch", json={"instances": [TREE, TREE, TREE]})
    client.post("/models/harvest/predict", json={})
    client.post("/models/harvest/predict", json=TREE)
    expected = {
        ("orchard", "v2", "challenger", "200"): 1,
        ("harvest", "v1", "champion", "200"): 2,
        ("harvest", "v1", "champion", "422"): 1,
    }

    def count_added(family: str) -> dict[tuple[str, ...], float]:
        after = metrics.models.values()[family]
        changes = {labels: count - before[family].get(labels, 0) for labels, count in after.items()}
        return {labels: change for labels, change in changes.items() if change}

    wait_until(lambda: count_added("tabento_model_requests") == expected, "all requests to be counted")
    assert count_added("tabento_model_rows") == {("orchard", "v2", "challenger"): 1, ("harvest", "v1", "champion"): 4}
    assert sum(metrics.latency_s().counts) == timed + 3
    text = client.get("/metrics").text
    assert 'tabento_model_info{data="synthetic",model="orchard",version="v2"} 1.0' in text
    assert 'tabento_model_request_seconds_count{model="harvest",variant="champion",version="v1"}' in text
    assert "{name}" in text  # the route of named models is one label


def test_a_drain_waits_for_a_request_whose_model_is_being_loaded(tmp_path: Path) -> None:
    """A request that waits for the load of its model when the service begins to stop is answered before the end."""
    answers: list[httpx.Response] = []
    done = threading.Event()
    with serving_models(tmp_path, [ORCHARD], [FROST]) as (address, application):
        shelf = shelf_of(application)
        loop = application.state.started_model().new_future().get_loop()
        on_loop(loop, shelf.gate.clear)
        request = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address}/models/frost/predict", json=TREE, timeout=30))
        )
        request.start()
        wait_until(lambda: shelf.n_loads == 1, "the load to begin")
        on_loop(loop, lambda: start_draining(application.state, application.accounting, done.set))
        assert not done.is_set()
        assert httpx.post(f"{address}/predict", json=TREE).status_code == 503
        on_loop(loop, shelf.gate.set)
        request.join(30)
        assert done.wait(30)
    assert [answer.status_code for answer in answers] == [200]


def test_the_access_log_has_the_name_of_the_model(tmp_path: Path) -> None:
    """Metrics count named models under one route; the access log has the path of each request."""
    paths: list[str] = []

    class Log(AccessLog):
        def write(self, method: str, path: str, *arguments: Any) -> None:
            paths.append(path)

    with serving_models(tmp_path, [ORCHARD, HARVEST]) as (address, application):
        application.accounting.access_log = Log()
        named_paths = ["/models/harvest/predict", "/v2/models/harvest/infer", "/v2/models/harvest/versions/v1/infer"]
        with httpx.Client(base_url=address, timeout=30) as client:
            for path in named_paths:
                body = {"inputs": inputs(TREE)} if path.startswith("/v2") else TREE
                assert client.post(path, json=body).status_code == 200
        wait_until(lambda: len(paths) == 3, "the lines")
    assert paths == named_paths
