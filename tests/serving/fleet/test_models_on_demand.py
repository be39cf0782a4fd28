"""Models on demand over HTTP: the first request for a model loads it, and refusals name the reason."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from serving.application import Application
from serving.settings import ServingSettings
from tabento.bundle.format import CARD_FILE
from tests.bundles import TREE
from tests.serving.fastpath.raw_client import serving
from tests.serving.fleet.small_fleet import ANSWER, apple_store, store_apple
from tests.serving.fleet.versions import application_of_store


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service of three models and a damaged one."""
    folder = tmp_path_factory.mktemp("fleet")
    with apple_store(folder, 3), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TABENTO_ROLLOUT_FOLDER", str(folder / "rollout"))
        (store_apple(4) / CARD_FILE).unlink()
        settings = ServingSettings.model_validate(
            {"slo_p99_ms": 60_000, "models": ["*"], "pinned_models": ["apple_2"], "metrics_max_models": 2}
        )
        with serving(_application(settings)) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client


def _application(settings: ServingSettings) -> Application:
    return application_of_store(settings, "apple_1:v1")


def _states(client: httpx.Client) -> dict[str, str]:
    return {model["name"]: model["state"] for model in client.get("/models").json()["models"]}


def test_a_cold_model_answers_its_first_request(client: httpx.Client) -> None:
    """The default model and a pinned one are loaded before; the next request for the cold one finds it loaded."""
    assert _states(client) == {"apple_1": "live", "apple_2": "live", "apple_3": "cold", "apple_4": "cold"}
    for _ in range(2):
        answer = client.post("/models/apple_3/predict", json=TREE)
        assert answer.status_code == 200, answer.text
        assert answer.json()["prediction"] == 3 * ANSWER
        assert answer.json()["model"] == "apple_3"
    assert _states(client)["apple_3"] == "live"
    assert client.post("/predict", json=TREE).json()["prediction"] == ANSWER
    assert client.post("/models/apple_2/predict/batch", json={"instances": [TREE]}).json()["predictions"] == [
        2 * ANSWER
    ]


def test_a_damaged_model_is_refused_with_its_reason(client: httpx.Client) -> None:
    """The request can be sent again later, and the page of models shows the state."""
    answer = client.post("/models/apple_4/predict", json=TREE)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "its bundle is damaged (damaged)" in answer.json()["error"]["message"]
    assert _states(client)["apple_4"] == "failed"


def test_an_unknown_model_is_not_found(client: httpx.Client) -> None:
    """The error names models that there are."""
    answer = client.post("/models/pear/predict", json=TREE)
    assert answer.status_code == 404
    assert "'apple_1'" in answer.json()["error"]["message"]


def test_loads_are_counted(client: httpx.Client) -> None:
    """Models above the limit of metrics share a name."""
    client.post("/models/apple_3/predict", json=TREE)
    client.post("/models/apple_4/predict", json=TREE)
    text = client.get("/metrics").text
    assert 'tabento_model_loads_total{result="loaded"} 1.0' in text
    assert 'tabento_model_loads_total{result="damaged"}' in text
    assert 'tabento_model_requests_total{model="other"' in text
