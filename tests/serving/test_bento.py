"""What Tabento relies on in BentoML, pinned: an upgrade that changes it fails here first."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import bentoml
import httpx
import pytest
import uvicorn.protocols.http.auto
from bentoml import Tag
from pydantic import SecretStr, ValidationError

from serving.application import Application
from serving.bento import CHECKED_BENTOML_VERSION, TabentoService, lean_config, packed_tag
from serving.cors import with_options
from serving.errors import InvalidError
from serving.settings import ServingSettings
from tabento.bundle.errors import BundleNotFoundError
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.servers import bentoml_client

ANSWER = linear_answer(TREE, orchard_contract())


def test_the_version_is_the_one_that_was_checked() -> None:
    """After an upgrade: read this file and serving/bento.py again, then raise the constant."""
    assert bentoml.__version__ == CHECKED_BENTOML_VERSION


def test_the_service_class_is_still_an_argument() -> None:
    """``bentoml.service`` takes the class whose ``to_asgi`` it serves."""
    assert "service_class" in inspect.signature(bentoml.service).parameters


@pytest.fixture
def service(service_module: ModuleType, application: Application) -> Iterator[Any]:
    """The service; what a test makes of it does not stay."""
    protocol = uvicorn.protocols.http.auto.AutoHTTPProtocol
    yield service_module.Tabento
    service_module.Tabento.application = application
    uvicorn.protocols.http.auto.AutoHTTPProtocol = protocol


def test_our_application_stands_outside_bentomls(service: Any) -> None:
    """What BentoML serves is our application; BentoML's own, with all its middlewares, is inside."""
    assert isinstance(service, TabentoService)
    assert isinstance(service.to_asgi(), Application)


def _get(app: Any, **headers: str) -> httpx.Response:
    async def fetch() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.get("/livez", headers=headers)

    return asyncio.run(fetch())


def test_browsers_may_call_from_allowed_origins_only(application: Application) -> None:
    """With origins set, CORS headers are given to these and to nobody else; without, to nobody."""
    app = with_options(application, ServingSettings(cors_origins=("https://shop.example",)))
    assert _get(app, origin="https://shop.example").headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in _get(app, origin="https://evil.example").headers
    assert "access-control-allow-origin" not in _get(application, origin="https://shop.example").headers


def _preflight(app: Any, headers: str) -> httpx.Response:
    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            origin = {"origin": "https://shop.example", "access-control-request-method": "POST"}
            return await client.options("/predict", headers={**origin, "access-control-request-headers": headers})

    return asyncio.run(request())


def test_browsers_may_send_the_headers_of_the_setting(application: Application) -> None:
    """A preflight allows credentials and trace context by default, and only the listed headers otherwise."""
    origins = ("https://shop.example",)
    default = with_options(application, ServingSettings(cors_origins=origins))
    assert _preflight(default, "authorization, traceparent, tracestate, x-api-key").status_code == 200
    assert _preflight(default, "x-tenant").status_code == 400
    own = with_options(application, ServingSettings(cors_origins=origins, cors_headers=("X-Tenant",)))
    assert _preflight(own, "x-tenant").status_code == 200
    assert _preflight(own, "traceparent").status_code == 400


def _options(app: Any, origin: str, method: str) -> httpx.Response:
    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            headers = {"origin": origin, "access-control-request-method": method}
            return await client.options("/predict", headers=headers)

    return asyncio.run(request())


def test_a_preflight_allows_the_least(application: Application) -> None:
    """An allowed origin may GET and POST, for an hour, without credentials; other origins and methods are refusal."""
    origin = "https://shop.example"
    app = with_options(application, ServingSettings(cors_origins=(origin,)))
    answer = _options(app, origin, "POST")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-max-age"] == "3600"
    assert "access-control-allow-credentials" not in answer.headers
    for method in ("PUT", "DELETE", "PATCH"):
        assert _options(app, origin, method).status_code == 400
    for other in ("https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"):
        refusal = _options(app, other, "POST")
        assert refusal.status_code == 400
        assert "access-control-allow-origin" not in refusal.headers
    assert _options(application, origin, "POST").status_code == 405


def test_scripts_may_read_the_headers_of_limits_and_cache(application: Application) -> None:
    """A page can wait as long as Retry-After says, and show the remaining rate."""
    app = with_options(application, ServingSettings(cors_origins=("https://shop.example",)))
    exposed = _get(app, origin="https://shop.example").headers["access-control-expose-headers"]
    assert exposed.split(", ") == ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "x-cache"]


def test_every_origin_at_once_is_refused() -> None:
    """The star is not taken: an allow-list names whom it allows."""
    with pytest.raises(ValidationError, match="list each origin"):
        ServingSettings(cors_origins=("*",))


def test_bentomls_configuration_is_lean(service_module: ModuleType) -> None:
    """The costs that are off are known to BentoML's schema and travel with the service."""
    from _bentoml_sdk.service.config import validate

    config = lean_config(ServingSettings(workers=3))
    assert validate(cast("Any", config)) == config
    with_tls = lean_config(
        ServingSettings(tls_certificate_file=Path("server.pem"), tls_key_password=SecretStr("secret"))
    )
    assert validate(cast("Any", with_tls))["ssl"] == {"enabled": True, "certfile": "server.pem"}  # and no password
    assert service_module.Tabento.config["metrics"] == {"enabled": False}
    assert service_module.Tabento.config["workers"] == 1


def test_bentomls_sync_client_works_unchanged(server: str) -> None:
    """The client reads BentoML's schema, posts to our route and gets our answer."""
    with bentoml_client(server) as client:
        assert client.is_ready()
        assert client.predict(TREE)["prediction"] == ANSWER
        assert client.predict_batch({"instances": [TREE, TREE]})["predictions"] == [ANSWER, ANSWER]


async def _call(method: Any, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await method(body)
    return answer


def test_a_call_within_the_process_goes_the_same_way(service_module: ModuleType) -> None:
    """The service's methods decode, run and encode like the route."""
    service = service_module.Tabento()
    assert asyncio.run(_call(service.to_async.predict, TREE))["prediction"] == ANSWER
    with pytest.raises(InvalidError, match="many rows"):
        asyncio.run(_call(service.to_async.predict_batch, TREE))


def _bento(*tags: str) -> Any:
    models = [SimpleNamespace(tag=Tag.from_str(tag)) for tag in tags]
    return SimpleNamespace(tag=Tag("tabento", "x"), info=SimpleNamespace(all_models=models))


def test_a_checkout_serves_what_is_wanted() -> None:
    """Without a Bento around it the service serves the requested bundle."""
    assert packed_tag(None, "orchard") == "orchard"


@pytest.mark.parametrize("requested_tag", ["orchard", "orchard:latest", "orchard:v1"])
def test_a_bento_serves_what_it_holds(requested_tag: str) -> None:
    """In a built Bento the version inside is served, whatever the store has become since."""
    assert packed_tag(_bento("orchard:v1"), requested_tag) == "orchard:v1"


@pytest.mark.parametrize(
    ("tags", "requested_tag"), [(["orchard:v1"], "pear"), (["orchard:v1"], "orchard:v2"), ([], "pear")]
)
def test_a_bento_refuses_another_model(tags: list[str], requested_tag: str) -> None:
    """A mismatch is an error that says how to build the right one."""
    with pytest.raises(BundleNotFoundError, match=f"make bento MODEL={requested_tag.partition(':')[0]}"):
        packed_tag(_bento(*tags), requested_tag)
