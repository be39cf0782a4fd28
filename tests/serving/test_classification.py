"""What a client sees of a classifier over HTTP, from real servers: labels, and probabilities beside them."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import jsonschema_rs
import pytest

from runners.errors import RunnerError
from serving.application import Application
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tabento.bundle.store import read_bundle
from tests.bundles import (
    BREAKS,
    LABELS,
    NO_CLASS,
    NOT_A_NUMBER,
    TREE,
    classifier_answer,
    classifier_contract,
    classifier_model,
    write_bundle,
)
from tests.servers import bentoml_client
from tests.serving.fuzzing import schemathesis

SETTINGS = ServingSettings(slo_p99_ms=60_000)
TREES: list[dict[str, Any]] = [
    {**TREE, "age": 1 + index % 9, "crown width": 0.5 + index % 29 / 2, "height": 0.5 + index % 31 / 2}
    for index in range(1000)
]
"""Rows of which each class has many."""


def _answers(rows: list[dict[str, Any]], contract: Contract) -> dict[str, list[Any]]:
    """Return by hand what many rows are answered."""
    answers = [classifier_answer(row, contract) for row in rows]
    return {"predictions": [label for label, _ in answers], "probabilities": [shares for _, shares in answers]}


def _rank(shares: dict[str, float]) -> list[str]:
    return sorted(shares, key=lambda label: -shares[label])


def _part(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key.startswith(("prediction", "probabilities"))}


@pytest.mark.parametrize("path", ["/predict", "/predict/", "/api/v1/predict"])
def test_one_object_gets_its_label(
    harvest_client: httpx.Client, harvest: Contract, harvest_bundle: str, path: str
) -> None:
    """With the probability of each class in the contract's order, then model, version and request id."""
    body = harvest_client.post(path, json=TREE, headers={"x-request-id": "call-7"}).json()
    label, shares = classifier_answer(TREE, harvest)
    assert (body["prediction"], body["probabilities"]) == (label, shares)
    assert [*body["probabilities"]] == [*LABELS]
    assert [*body] == ["prediction", "probabilities", "model", "version", "request_id"]
    assert f"{body['model']}:{body['version']}" == harvest_bundle
    assert body["request_id"] == "call-7"


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("count", [1, 4, 1000])
def test_many_rows_get_their_labels_in_order(
    harvest_client: httpx.Client, harvest: Contract, path: str, count: int
) -> None:
    """Each row has its own label and, at the same place, its own probabilities; a list of one stays a list."""
    body = harvest_client.post(path, json={"instances": TREES[:count]}).json()
    assert _part(body) == _answers(TREES[:count], harvest)
    if count == 1000:
        assert {*body["predictions"]} == {*LABELS}


def test_labels_without_probabilities(frost_client: httpx.Client, frost: Contract) -> None:
    """Truth values stay truth values, and no probabilities are mentioned."""
    expected = _answers(TREES[:200], frost)["predictions"]
    assert {*expected} == {False, True}
    assert _part(frost_client.post("/predict", json=TREES[3]).json()) == {"prediction": expected[3]}
    body = frost_client.post("/predict", json={"instances": TREES[:200]})
    assert _part(body.json()) == {"predictions": expected}
    assert b"probabilities" not in body.content


def test_a_threshold_decides_the_label_and_the_ranking_the_order(ripe_client: httpx.Client, ripe: Contract) -> None:
    """The label is the graph's, also where the other class is more probable; the ranking follows the probabilities."""
    rows = TREES[:300]
    expected = [classifier_answer(row, ripe) for row in rows]
    rankings = [_rank(shares) for _, shares in expected]
    body = ripe_client.post("/predict", json={"instances": rows}).json()
    assert [*body] == ["predictions", "probabilities", "ranking", "model", "version", "request_id"]
    assert body["predictions"] == [label for label, _ in expected]
    assert body["probabilities"] == [shares for _, shares in expected]
    assert body["ranking"] == rankings
    unlike = [row for row, (label, _), ranking in zip(rows, expected, rankings, strict=True) if label != ranking[0]]
    assert 0 < len(unlike) < len(rows)
    body = ripe_client.post("/predict", json=unlike[0]).json()
    assert (body["prediction"], body["ranking"]) == ("ripe", ["green", "ripe"])


def test_the_threshold_is_shown(ripe_client: httpx.Client, harvest_client: httpx.Client) -> None:
    """``/model`` and the document have the threshold probability of the second class, if the model has one."""
    output = ripe_client.get("/model").json()["contract"]["output"]
    assert (output["threshold"], output["ranking"]) == (0.25, True)
    assert harvest_client.get("/model").json()["contract"]["output"]["threshold"] is None
    assert "at least 0.25" in ripe_client.get("/docs").text + ripe_client.get("/docs.json").text


def test_three_classes_are_ranked(tmp_path: Path) -> None:
    """With more than two classes as well, for callers within the process too."""
    contract = classifier_contract(ranking=True)
    model = ServedModel(read_bundle(write_bundle(tmp_path / "b", contract), "harvest:v1"), SETTINGS)
    answer = model.predict(json.dumps({"instances": TREES[:50]}).encode())
    shares = [classifier_answer(row, contract)[1] for row in TREES[:50]]
    assert answer["ranking"] == [_rank(row) for row in shares]
    assert len({tuple(ranking) for ranking in answer["ranking"]}) > 2


def test_requests_of_one_batch_get_their_own_answers(
    harvest_client: httpx.Client, harvest_application: Application, harvest: Contract
) -> None:
    """Single rows and lists of rows that run together come back to whom they belong."""
    runner = harvest_application.state.started_model().runner
    assert runner is not None
    waiting = runner.batcher.stats.released.get("hold", 0)
    sent = [TREES[0:1], TREES[100:107], TREES[20:21], TREES[300:350], TREES[40:41], TREES[55:57]]
    runner.batcher.hold(sum(map(len, sent)))
    with ThreadPoolExecutor(len(sent)) as pool:
        bodies = [{"instances": rows} if len(rows) > 1 else rows[0] for rows in sent]
        answers = list(pool.map(lambda body: harvest_client.post("/predict", json=body).json(), bodies))
    for rows, answer in zip(sent, answers, strict=True):
        expected = _answers(rows, harvest)
        if len(rows) == 1:
            expected = {"prediction": expected["predictions"][0], "probabilities": expected["probabilities"][0]}
        assert _part(answer) == expected
    assert runner.batcher.stats.released["hold"] == waiting + 1


def test_many_clients_at_once_get_their_own_answers(harvest_client: httpx.Client, harvest: Contract) -> None:
    """Whatever is batched with whatever: label and probabilities are those of the request's own row."""

    def is_right(row: dict[str, Any]) -> bool:
        answer = _part(harvest_client.post("/predict", json=row).json())
        label, shares = classifier_answer(row, harvest)
        return answer == {"prediction": label, "probabilities": shares}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, TREES[:300]))


def test_a_row_that_breaks_the_model_breaks_its_own_request_only(
    harvest_client: httpx.Client, harvest_application: Application, harvest: Contract
) -> None:
    """The batch is run again by halves: the others get their labels, and the error names the row."""
    runner = harvest_application.state.started_model().runner
    assert runner is not None
    sent = [TREES[:3], [*TREES[3:5], {**TREE, "slope": BREAKS}, *TREES[5:6]], TREES[6:9]]
    runner.batcher.hold(sum(map(len, sent)))
    with ThreadPoolExecutor(len(sent)) as pool:
        responses = list(pool.map(lambda rows: harvest_client.post("/predict", json={"instances": rows}), sent))
    assert [response.status_code for response in responses] == [200, 500, 200]
    assert _part(responses[0].json()) == _answers(sent[0], harvest)
    assert _part(responses[2].json()) == _answers(sent[2], harvest)
    error = responses[1].json()["error"]
    assert error["code"] == "internal"
    assert [(detail["row"], detail["field"]) for detail in error["details"]] == [(2, None)]


@pytest.mark.parametrize(
    ("slope", "reason"), [(NOT_A_NUMBER, "answered nan as a probability"), (NO_CLASS, "there are 0 to 2")]
)
@pytest.mark.parametrize("rows", [1, 3])
def test_an_answer_that_is_none_never_leaves(
    harvest_client: httpx.Client, caplog: pytest.LogCaptureFixture, slope: float, reason: str, rows: int
) -> None:
    """NaN for a probability or an index that is none of a class is a 500 with the reason, in the log as well."""
    wrong = {**TREE, "slope": slope}
    body = wrong if rows == 1 else {"instances": [TREE, TREE, wrong]}
    with caplog.at_level(logging.ERROR, "tabento.serving"):
        response = harvest_client.post("/predict", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert reason in response.json()["error"]["message"]
    assert any(response.json()["request_id"] in message and reason in message for message in caplog.messages)


def test_the_contract_is_shown_with_its_classes(harvest_client: httpx.Client, harvest: Contract) -> None:
    """``/model`` says what kind of answer to expect."""
    model = harvest_client.get("/model").json()
    assert model["task"] == "classification"
    assert model["contract"]["output"]["classes"] == [*LABELS]
    assert Contract.model_validate(model["contract"]) == harvest


@pytest.mark.parametrize("server", ["harvest_server", "frost_server", "ripe_server"])
def test_examples_and_answers_are_as_documented(request: pytest.FixtureRequest, server: str) -> None:
    """What the document shows can be sent, and what comes back is what it promises."""
    with httpx.Client(base_url=request.getfixturevalue(server), timeout=30) as client:
        document = client.get("/docs.json").json()

        def conforms(schema: dict[str, Any], value: Any) -> bool:
            full_document = {**schema, "components": document["components"]}
            return jsonschema_rs.validator_for(full_document).is_valid(value)

        post = document["paths"]["/predict"]["post"]
        examples = post["requestBody"]["content"]["application/json"]
        answers = post["responses"]["200"]["content"]["application/json"]["schema"]
        for example in examples["examples"].values():
            assert conforms(examples["schema"], example["value"])
            answer = client.post("/predict", json=example["value"]).json()
            assert conforms(answers, answer)
            key = "prediction" if "prediction" in answer else "predictions"
            assert not conforms(answers, {**answer, key: "neither" if key == "prediction" else ["neither"]})
            if "ranking" in answer:
                short = answer["ranking"][:1] if key == "prediction" else [answer["ranking"][0][:1]]
                assert not conforms(answers, {**answer, "ranking": short})
                assert not conforms(answers, {key: value for key, value in answer.items() if key != "ranking"})
            if "probabilities" in answer:
                assert not conforms(answers, {**answer, "probabilities": {"poor": 1.5}})
        assert client.get("/docs").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("server", ["harvest_server", "ripe_server"])
def test_schemathesis_finds_nothing(request: pytest.FixtureRequest, server: str, tmp_path: Path) -> None:
    """Generated requests to a classifier get what its document promises, and never a 500."""
    schemathesis(request.getfixturevalue(server), tmp_path, max_examples=10)


def test_bentomls_client_and_calls_within_the_process_get_the_same(
    harvest_server: str, harvest_module: ModuleType, harvest: Contract
) -> None:
    """However a classifier is asked, the answer is the route's."""
    label, shares = classifier_answer(TREE, harvest)
    with bentoml_client(harvest_server) as client:
        answer = client.predict(TREE)
    assert (answer["prediction"], answer["probabilities"]) == (label, shares)

    async def call(method: Any, body: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = await method(body)
        return result

    service = harvest_module.Tabento()
    answer = asyncio.run(call(service.to_async.predict, TREE))
    assert (answer["prediction"], answer["probabilities"]) == (label, shares)
    answer = asyncio.run(call(service.to_async.predict_batch, {"instances": TREES[:3]}))
    assert _part(answer) == _answers(TREES[:3], harvest)


def test_metrics_count_a_classifiers_requests(harvest_client: httpx.Client) -> None:
    """Requests to a classifier are counted by route and status."""
    harvest_client.post("/predict", json=TREE)
    text = harvest_client.get("/metrics").text
    assert 'tabento_requests_total{route="/predict",status="200"}' in text
    assert 'tabento_model_info{data="synthetic",model="harvest"' in text


def test_a_graph_of_another_width_is_not_served(tmp_path: Path) -> None:
    """A graph without probabilities under a contract that answers them is found at start, not at the first request."""
    labels_only = classifier_model(classifier_contract(probabilities=False))
    bundle = read_bundle(write_bundle(tmp_path / "b", classifier_contract(), labels_only), "harvest:v1")
    with pytest.raises(RunnerError, match=r"its answer has the shape \(2, 1\); expected \(2, 4\)"):
        ServedModel(bundle, SETTINGS)


def test_a_graph_that_answers_other_classes_is_not_served(tmp_path: Path) -> None:
    """An index beyond the contract's labels for one of the bundle's own examples is found at start."""
    contract = classifier_contract(("a", "b"), probabilities=False)
    changes = classifier_model(classifier_contract(("a", "b", "c"), probabilities=False))
    folder = write_bundle(tmp_path / "b", contract, changes, examples=[{**TREE, "age": 1, "height": 9.0}])
    with pytest.raises(RunnerError, match=r"harvest:v1 cannot answer its own .* class number 2 .* are 0 to 1"):
        ServedModel(read_bundle(folder, "harvest:v1"), SETTINGS)
