"""Several models over HTTP: the list, the descriptions, the documents, and their predictions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.application import Application
from serving.routes.models import public_status
from serving.routes.openapi_models import SHOWN_MODELS
from tests.bundles import TREE, classifier_answer, classifier_contract, linear_answer, orchard_contract
from tests.examples import examples
from tests.serving.fuzzing import fuzz_models
from tests.serving.many_models import serving_models, shelf_of

ORCHARD = orchard_contract()
HARVEST = classifier_contract()
FROST = classifier_contract((False, True), name="frost", probabilities=False)
SLEET = classifier_contract((False, True), name="sleet", probabilities=False)
BROKEN = classifier_contract((False, True), name="broken", probabilities=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """A service of two loaded models, the default one with a challenger, and of three that are not loaded."""
    folder = tmp_path_factory.mktemp("models")
    with serving_models(folder, [ORCHARD, HARVEST], [FROST, SLEET, BROKEN], challengers=[ORCHARD]) as service:
        shelf_of(service[1]).faults["broken"] = "its graph is damaged"
        yield service


@pytest.fixture
def client(service: tuple[str, Application]) -> Iterator[httpx.Client]:
    """A client of that service."""
    with httpx.Client(base_url=service[0], timeout=30) as client:
        yield client


def test_each_model_answers_below_its_name(client: httpx.Client) -> None:
    """A named model answers with its own contract; the default one answers below its name and without."""
    for path in ("/predict", "/models/orchard/predict", "/models/orchard/predict/"):
        answer = client.post(path, json=TREE).json()
        assert (answer["model"], answer["prediction"]) == ("orchard", linear_answer(TREE, ORCHARD))
    answer = client.post("/models/harvest/predict/batch", json={"instances": [TREE, TREE]}).json()
    label, shares = classifier_answer(TREE, HARVEST)
    assert (answer["model"], answer["predictions"]) == ("harvest", [label, label])
    assert answer["probabilities"][1] == pytest.approx(shares)


def test_a_batch_path_takes_only_a_list(client: httpx.Client) -> None:
    """The batch path of a named model refuses a single object, as the path without a name does."""
    for path in ("/models/harvest/predict/batch", "/predict/batch"):
        assert client.post(path, json=TREE).status_code == 422


def test_a_request_loads_a_model_that_is_not_loaded(service: tuple[str, Application], client: httpx.Client) -> None:
    """The first request waits for the load and is answered; the next one finds the model loaded."""
    shelf = shelf_of(service[1])
    for _ in range(2):
        answer = client.post("/models/sleet/predict", json=TREE).json()
        assert answer["model"] == "sleet"
        assert shelf.n_loads == 1
    assert client.get("/models/sleet").json()["state"] == "live"


def test_the_list_has_all_models_by_name(client: httpx.Client) -> None:
    """Every model has its state, its versions and its paths; no title is guessed for one that was not read."""
    page = client.get("/models").json()
    models = {model["name"]: model for model in page["models"]}
    assert list(models) == sorted(models)
    assert (page["total"], page["next"]) == (5, None)
    assert models["orchard"] == {
        "name": "orchard",
        "state": "live",
        "default": True,
        "tag": "orchard:v1",
        "title": ORCHARD.title,
        "versions": [{"version": "v1", "variant": "champion"}, {"version": "v2", "variant": "challenger"}],
        "reason": None,
        "predict": "/models/orchard/predict",
        "predict_batch": "/models/orchard/predict/batch",
    }
    assert (models["frost"]["state"], models["frost"]["versions"], models["frost"]["default"]) == ("cold", [], False)
    assert "title" not in models["frost"]
    assert (models["broken"]["state"], models["broken"]["reason"]) == ("failed", "its graph is damaged")


def test_the_list_has_pages(client: httpx.Client) -> None:
    """Pages have the asked length; ``after`` the last name of a page gives the next one, until ``next`` is null."""
    names: list[str] = []
    after = ""
    while True:
        page = client.get("/models", params={"limit": 2, "after": after}).json()
        assert 1 <= len(page["models"]) <= 2
        names += [model["name"] for model in page["models"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert names == ["broken", "frost", "harvest", "orchard", "sleet"]
    assert [model["name"] for model in client.get("/models?state=failed").json()["models"]] == ["broken"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=²", "state=warm", "page=2", "limit=1&limit=2"]
)
def test_a_wrong_parameter_is_refused(client: httpx.Client, query: str) -> None:
    """A wrong, unknown or repeated parameter is named, with the expected value."""
    answer = client.get(f"/models?{query}")
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == query.partition("=")[0]


def test_a_model_is_described_with_its_versions(client: httpx.Client) -> None:
    """A model has the content of ``GET /model``, its versions, and the comparison of the wanted and the live ones."""
    content = client.get("/models/orchard").json()
    assert client.get("/model").json().items() <= content.items()
    assert [version["version"] for version in content["versions"]] == ["v1", "v2"]
    assert content["rollout"]["live"] == {"champion": "orchard:v1", "challenger": "orchard:v2", "retiring": []}
    assert client.get("/models/orchard", params={"version": "v2"}).json()["version"] == "v2"
    assert client.get("/models/orchard", params={"version": "v9"}).status_code == 404


def test_a_reason_has_no_address_and_no_folder() -> None:
    """Addresses of sources and folders of the service are left out of the reason that keys with the scope ``read`` see."""
    reasons = {
        "https://objects.example.org/a/b: model.onnx is damaged": "[address]: model.onnx is damaged",
        "s3://bucket/bundles; file:///srv/x: missing": "[address]; [address]: missing",
        "cannot be stored in /srv/home/fetching/parts/0-model.onnx: full": "cannot be stored in 0-model.onnx: full",
        "set `GET /models` or 1/2 of a/b": "set `GET /models` or 1/2 of a/b",
    }
    assert {reason: public_status({"differs_because": reason})["differs_because"] for reason in reasons} == reasons
    assert public_status({"differs_because": None}) == {"differs_because": None}


def test_a_description_loads_nothing(service: tuple[str, Application], client: httpx.Client) -> None:
    """A model that is not loaded has the same description as after its load, and stays unloaded."""
    before = shelf_of(service[1]).n_loads
    cold = client.get("/models/frost").json()
    assert (cold["state"], cold["version"], cold["contract"]["name"]) == ("cold", "v1", "frost")
    live = client.get("/models/harvest").json()
    assert set(cold) == set(live)
    assert client.get("/models/frost", params={"version": "v2"}).status_code == 404
    assert client.get("/models/broken").json()["reason"] == "its graph is damaged"
    assert shelf_of(service[1]).n_loads == before


@pytest.mark.parametrize(
    "path", ["/models/nobody", "/models/nobody/docs.json", "/v2/models/nobody", "/docs?model=nobody"]
)
def test_an_unknown_model_is_named_with_the_known_ones(client: httpx.Client, path: str) -> None:
    """The error lists the models of the service."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert "'nobody'" in answer.text
    assert "'orchard'" in answer.text


def test_an_unknown_model_does_not_predict(client: httpx.Client) -> None:
    """A prediction for an unknown model is refused, and so is a wrong method on a path of predictions."""
    for name in ("nobody", "NOBODY", "n%20b", "9", "%00", "predict", "a" * 300):
        for path in (f"/models/{name}/predict", f"/models/{name}/predict/batch", f"/models/{name}/predict/"):
            answer = client.post(path, json=TREE)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    answer = client.get("/models/orchard/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.post("/models/broken/predict", json=TREE).json()["error"]["code"] == "unavailable"


def _reference_names(content: Any) -> set[str]:
    """Return the names of all schemas to which a part of a document refers."""
    if isinstance(content, dict):
        own = {content["$ref"].rpartition("/")[2]} if isinstance(content.get("$ref"), str) else set()
        return own.union(*map(_reference_names, content.values()))
    return set().union(*map(_reference_names, content)) if isinstance(content, list) else set()


def test_the_document_has_the_schemas_of_each_model(client: httpx.Client) -> None:
    """Every model has its paths, with its own row and answer; every reference has its schema; operations differ."""
    document = client.get("/docs.json").json()
    schemas, paths = document["components"]["schemas"], document["paths"]
    assert _reference_names(document) <= set(schemas)
    for name in ("orchard", "harvest", "frost"):
        assert f"/models/{name}/predict/batch" in paths
    operation = paths["/models/harvest/predict"]["post"]
    (row, _) = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert row == {"$ref": "#/components/schemas/harvest.Row"}
    assert schemas["harvest.Prediction"]["properties"]["prediction"]["enum"] == list(HARVEST.output.classes or ())
    example = operation["requestBody"]["content"]["application/json"]["examples"]["one object"]["value"]
    assert client.post("/models/harvest/predict", json=example).status_code == 200
    ids = [
        operation["operationId"]
        for methods in paths.values()
        for operation in methods.values()
        if isinstance(operation, dict)
    ]
    assert len(ids) == len(set(ids))
    assert paths["/v2/models/{name}"]["parameters"][0]["schema"]["enum"][0] == "orchard"


def test_a_model_has_a_document_of_its_own(client: httpx.Client) -> None:
    """The document of one model has its predictions only, an address that fits its path, and a page."""
    document = client.get("/models/frost/docs.json").json()
    assert {"/models/frost/predict", "/models/frost/predict/batch", "/v2/models/{name}/infer"} <= set(document["paths"])
    assert "/predict" not in document["paths"]
    assert document["servers"] == [{"url": "../../"}]
    assert _reference_names(document) <= set(document["components"]["schemas"])
    assert "models/frost/docs.json" in client.get("/docs?model=frost").text
    with_prefix = client.get("/models/frost/docs.json", headers={"x-forwarded-prefix": "/apples"}).json()
    assert with_prefix["servers"] == [{"url": "/apples/"}]


def test_the_document_is_bounded(service: tuple[str, Application], client: httpx.Client) -> None:
    """A service of a thousand models shows some of them, and a placeholder for the rest."""
    shelf = shelf_of(service[1])
    frost = asyncio.run(shelf.read("frost"))
    names = [f"model_{number:04}" for number in range(1_000)]
    contracts = {name: frost.contract.model_copy(update={"name": name}) for name in names}
    shelf.add({name: replace(frost, tag=f"{name}:v1", contract=contract) for name, contract in contracts.items()})
    try:
        document = client.get("/docs.json")
        page = client.get("/models", params={"limit": 1_000}).json()
    finally:
        shelf.remove(names)
    assert len(document.content) < 500_000
    paths = document.json()["paths"]
    assert "/models/{name}/predict" in paths
    assert len([path for path in paths if path.endswith("/predict")]) <= SHOWN_MODELS + 4
    assert (page["total"], len(page["models"]), page["next"]) == (1_005, 1_000, page["models"][-1]["name"])


@pytest.mark.slow
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Generated requests to loaded models, and to one that is not loaded, get what the document promises."""
    with serving_models(tmp_path, [ORCHARD, HARVEST], [FROST]) as (address, _):
        fuzz_models(address, tmp_path, max_examples=examples(40), n_models=3)
