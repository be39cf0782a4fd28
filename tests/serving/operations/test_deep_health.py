"""The deep check of a real service: checks, a prediction through the batcher, and a bound on its use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest

from runners.work import Work
from serving.application import Application
from serving.operations.deep_health import REUSE_S, DeepHealth, ExampleRequest, is_equal
from serving.operations.health import ComponentReport, HealthRegistry
from serving.settings import ServingSettings
from serving.state import ServiceState
from tests.bundles import TREE, classifier_contract, orchard_contract
from tests.serving.fastpath.raw_client import application_of, on_loop, serving
from tests.serving.many_models import serving_models

SETTINGS = ServingSettings(slo_p99_ms=60_000, cache_bytes=1 << 20)


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application of the orchard's bundle with a cache."""
    return application_of(tmp_path, SETTINGS)


@pytest.fixture
def client(application: Application) -> Iterator[httpx.Client]:
    """A client of its server."""
    with serving(application) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def test_the_deep_check_predicts_an_example(application: Application, client: httpx.Client) -> None:
    """The answer has the model's version, every component with its duration, and a prediction that no cache answered."""
    content = client.get("/health/deep").json()
    assert content["status"] == "healthy"
    assert content["model"] == {"name": "orchard", "version": "v1"}
    assert set(content["components"]) == {
        "model",
        "models",
        "intake",
        "runner",
        "metrics",
        "rollout",
        "disk",
        "prediction",
    }
    assert all(component["duration_ms"] >= 0 for component in content["components"].values())
    assert content["components"]["prediction"]["status"] == "healthy"
    model = application.state.started_model()
    assert sum(model.batcher.stats.batch_rows.counts) == 1
    assert application.cache is not None
    assert (application.cache.hits, application.cache.misses, len(application.cache)) == (0, 0, 0)


def test_an_answer_that_differs_from_the_start_is_unhealthy(application: Application, client: httpx.Client) -> None:
    """A model that answers its example otherwise than when it was loaded makes the deep check 503."""
    model = application.state.started_model()
    model.served.example_answer += 1.0
    response = client.get("/health/deep")
    assert response.status_code == 503
    assert response.json()["components"]["prediction"]["status"] == "unhealthy"
    assert client.get("/health").status_code == 200


def test_a_failed_dependency_degrades_a_service_that_answers(application: Application, client: httpx.Client) -> None:
    """With a dependency that does not answer, the deep check ends at its time limit with 200 and ``degraded``."""

    async def hang() -> ComponentReport:
        await asyncio.Event().wait()
        raise AssertionError

    application.health.add("store", False, lambda: ComponentReport("healthy", ""), hang, timeout_s=0.05)
    response = client.get("/health/deep")
    content = response.json()
    assert (response.status_code, content["status"]) == (200, "degraded")
    assert content["components"]["store"]["message"] == "no answer within 0.05 s"
    assert content["components"]["prediction"]["status"] == "healthy"
    assert client.get("/health").json()["components"]["store"]["status"] == "degraded"
    assert client.post("/predict", json=TREE).status_code == 200


def test_a_full_queue_is_degraded(tmp_path: Path) -> None:
    """An example that the batcher refuses because too many rows wait degrades the service, which still answers others."""
    application = application_of(tmp_path, SETTINGS.model_copy(update={"max_queue_rows": 1}))
    with serving(application) as address, httpx.Client(base_url=address, timeout=30) as client:
        model = application.state.started_model()
        loop = on_loop_of(application)
        on_loop(loop, lambda: _hold(model))
        content = client.get("/health/deep").json()
        on_loop(loop, lambda: model.batcher.hold(0))
    assert content["components"]["prediction"]["status"] == "degraded"
    assert content["status"] == "degraded"


def _hold(model: Any) -> None:
    """Keep one example in the queue, which is then full."""
    answer: asyncio.Future[Any] = model.new_future()
    model.batcher.hold(2)
    model.batcher.submit(Work(model.served.example_row, 1, perf_counter(), float("inf"), ExampleRequest(answer)))


def on_loop_of(application: Application) -> asyncio.AbstractEventLoop:
    """Return the event loop of a served application."""
    loop = application.state.started_model().new_future.__self__  # type: ignore[attr-defined]
    assert isinstance(loop, asyncio.AbstractEventLoop)
    return loop


def test_one_deep_check_runs_at_a_time_and_is_used_for_a_second() -> None:
    """Concurrent requests share one check, later ones its result until it is a second old; a client may leave."""
    now = [0.0]
    health = HealthRegistry()
    begin = asyncio.Event()

    async def check() -> ComponentReport:
        await begin.wait()
        return ComponentReport("healthy", "")

    health.add("store", False, lambda: ComponentReport("healthy", ""), check)

    async def scenario() -> list[int]:
        deep = DeepHealth(ServiceState(), health, lambda: now[0])
        waiting = [asyncio.create_task(deep.report()) for _ in range(20)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        begin.set()
        results = await asyncio.gather(*waiting[1:])
        assert all(result is results[0] for result in results)
        assert results[0]["status"] == "unhealthy"  # there is no model
        assert results[0]["model"] is None
        runs = [deep.runs]
        now[0] += REUSE_S - 0.01
        await deep.report()
        runs.append(deep.runs)
        now[0] += 0.02
        await deep.report()
        return [*runs, deep.runs]

    assert asyncio.run(scenario()) == [1, 1, 2]


def test_a_draining_service_is_unhealthy_and_not_ready(application: Application, client: httpx.Client) -> None:
    """The deep check, health and readiness are 503 while the service stops; liveness stays 200."""
    on_loop(on_loop_of(application), application.state.start_draining)
    codes = [client.get(path).status_code for path in ("/health/deep", "/health", "/readyz", "/livez")]
    assert codes == [503, 503, 503, 200]


def test_an_overloaded_replica_is_not_ready_but_answers(application: Application, client: httpx.Client) -> None:
    """While the overload watch is out, only readiness is 503."""
    loop = on_loop_of(application)

    def overload() -> None:
        # The health monitor updates the same watch by the loop's clock: all seconds in one callback, and in its future. The
        # watch is out from second 31 on, for at least 7.5 s, and the last second here is before that end.
        for second in range(33):
            application.overload.update(loop.time() + 1e6 + second, 0, second)

    on_loop(loop, overload)
    response = client.get("/readyz")
    assert (response.status_code, json.loads(response.content)["error"]["code"]) == (503, "unavailable")
    codes = [client.get(path).status_code for path in ("/health", "/livez")]
    assert [*codes, client.post("/predict", json=TREE).status_code] == [200, 200, 200]


def test_answers_are_compared_number_by_number() -> None:
    """Numbers and lists of numbers are equal within 1e-9 of their size."""
    assert is_equal(1e6, 1e6 * (1 + 1e-12))
    assert not is_equal(1.0, 1.0001)
    assert is_equal([1.0, 0.25], [1.0, 0.25])
    assert not is_equal([1.0, 0.25], [1.0, 0.26])


def test_pinned_models_and_challengers_are_predicted(tmp_path: Path) -> None:
    """A pinned model or a challenger that answers wrongly degrades the service; only the default model is critical."""
    orchard, harvest = orchard_contract(), classifier_contract()
    frost = classifier_contract((False, True), name="frost", probabilities=False)
    with serving_models(tmp_path, [orchard, harvest, frost], challengers=[orchard]) as (_, service):
        service.state.models["harvest"].served.example_answer = [7.0, 0.0, 0.0, 0.0]
        deep = DeepHealth(service.state, service.health, pinned=("harvest:v1", "sleet"))
        content = asyncio.run_coroutine_threadsafe(deep.report(), on_loop_of(service)).result(30)
    components = content["components"]
    predictions = {name: part["status"] for name, part in components.items() if name.startswith("prediction")}
    assert predictions == {
        "prediction": "healthy",
        "prediction of orchard:v2": "healthy",
        "prediction of harvest:v1": "unhealthy",
    }
    assert content["status"] == "degraded"
