"""Keys and rate limits hold on the routes of other protocols."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.guards.guard import Guard
from serving.settings import ServingSettings
from tests.bundles import TREE, orchard_contract
from tests.serving.fastpath.raw_client import application_of, serving
from tests.serving.guards.test_guard import Addresses, Keys, TwoRows
from tests.serving.protocols.test_open_inference import inputs

INFER = f"/v2/models/{orchard_contract().name}/infer"


@pytest.fixture(scope="module")
def limiter() -> TwoRows:
    """The limiter of the server."""
    return TwoRows()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, limiter: TwoRows) -> Iterator[str]:
    """The address of a server with a guard."""
    application = application_of(Path(tmp_path_factory.mktemp("guard")), ServingSettings(slo_p99_ms=60_000))
    application.guard = Guard(Keys(limiter), Addresses())
    with serving(application) as address:
        yield address


def test_probes_need_no_key(address: str) -> None:
    """Load balancers and orchestrators ask without a key."""
    for path in ("/ping", "/v2/health/live", "/v2/health/ready"):
        assert httpx.get(address + path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", INFER), ("GET", "/v2"), ("GET", INFER.removesuffix("/infer")), ("POST", "/v2/nothing")],
)
def test_a_missing_key_is_an_error_of_the_protocol(address: str, method: str, path: str) -> None:
    """Without a key the status is 401, and the error is one text."""
    answer = httpx.request(method, address + path, json={} if method == "POST" else None)
    assert answer.status_code == 401
    assert "API key" in answer.json()["error"]


def test_a_missing_key_on_invocations_has_the_envelope(address: str) -> None:
    """The routes of MLflow and SageMaker answer errors in the usual envelope."""
    answer = httpx.post(f"{address}/invocations", json=[TREE])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "one_row", "three_rows"),
    [
        (INFER, {"inputs": inputs(TREE)}, {"inputs": inputs(TREE, TREE, TREE)}),
        ("/invocations", [TREE], [TREE] * 3),
    ],
)
def test_rows_are_limited(address: str, limiter: TwoRows, path: str, one_row: object, three_rows: object) -> None:
    """The limiter counts the rows of a request, adds its headers to the answer, and refuses with 429."""
    limiter.checked.clear()
    headers = {"x-api-key": "limited"}
    answer = httpx.post(address + path, json=one_row, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["ratelimit"]
    refusal = httpx.post(address + path, json=three_rows, headers=headers)
    assert refusal.status_code == 429
    assert "At most 2 rows." in refusal.text


def test_a_key_of_the_header_is_accepted(address: str) -> None:
    """A key with the permission predicts; a key that may only read does not."""
    content = {"inputs": inputs(TREE)}
    assert httpx.post(address + INFER, json=content, headers={"x-api-key": "good"}).status_code == 200
    assert httpx.post(address + INFER, json=content, headers={"authorization": "Bearer reader"}).status_code == 403
    assert httpx.post(f"{address}/v2/repository/index", headers={"x-api-key": "reader"}).status_code == 200
