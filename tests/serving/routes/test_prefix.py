"""Behind a path prefix the documents name addresses that work for the client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from serving.routes.openapi import docs_page, with_server
from serving.routes.prefix import public_prefix, without_prefix
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.conftest import bentoml_home
from tests.servers import load_service, running

PREFIX = "/models/house"


@pytest.fixture(scope="module")
def prefixed_client(session_store: Path, linear_bundle: str) -> Iterator[httpx.Client]:
    """A client of a real server that is told its prefix."""
    with bentoml_home(session_store):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TABENTO_ROOT_PATH", PREFIX)
            application = load_service(linear_bundle, "service_with_prefix").Tabento.to_asgi()
        with running(application) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client


def _links(page: str) -> list[str]:
    """Return every address that a page loads."""
    matches = re.findall(r'(?:href|src)="([^"]*)"|new URL\("([^"]*)"', page)
    return [attribute or argument for attribute, argument in matches]


@pytest.mark.parametrize(
    ("public", "path", "headers"),
    [
        ("http://shop.example/", "/", {}),
        ("http://shop.example/docs", "/docs", {}),
        ("http://shop.example/docs/", "/docs/", {}),
        (f"http://shop.example{PREFIX}/", "/", {}),
        (f"http://shop.example{PREFIX}/docs", "/docs", {}),
        (f"http://shop.example{PREFIX}/docs/", "/docs/", {}),
        (f"http://shop.example{PREFIX}", "/", {"x-forwarded-prefix": PREFIX}),
        (f"http://shop.example{PREFIX}/docs", "/docs", {"x-forwarded-prefix": f"{PREFIX}/"}),
        (f"http://shop.example{PREFIX}/docs/", "/docs/", {"x-forwarded-prefix": "/models, /house"}),
    ],
)
def test_a_stripping_proxy_shows_the_whole_page(
    public: str, path: str, headers: dict[str, str], client: httpx.Client
) -> None:
    """Wherever a proxy publishes the page, each of its links and the document's server lead back through the proxy."""
    prefix = PREFIX if PREFIX in public else ""

    def fetch(address: str) -> httpx.Response:
        parts = urlsplit(address)
        assert parts.netloc == "shop.example"
        assert parts.path.startswith(f"{prefix}/")
        return client.get(parts.path.removeprefix(prefix), headers=headers)

    links = _links(client.get(path, headers=headers).text)
    assert len(links) == 4
    for link in links:
        assert fetch(urljoin(public, link)).status_code == 200, link
    document = urljoin(public, links[-1])
    server = urljoin(document, fetch(document).json()["servers"][0]["url"])
    assert fetch(urljoin(server, "livez")).status_code == 200


@pytest.mark.parametrize("before", ["", PREFIX])
def test_a_known_prefix_is_taken_with_or_without(before: str, prefixed_client: httpx.Client) -> None:
    """With the setting every route answers below the prefix too, and documents name it in both cases."""
    assert prefixed_client.post(f"{before}/predict", json=TREE).status_code == 200
    assert prefixed_client.get(f"{before}/readyz").status_code == 200
    assert prefixed_client.get(f"{before}/schema.json").status_code == 200
    assert prefixed_client.get(f"{before}/docs.json").json()["servers"] == [{"url": f"{PREFIX}/"}]
    for link in _links(prefixed_client.get(f"{before}/docs").text):
        assert link.startswith(PREFIX)
        assert prefixed_client.get(link).status_code == 200


def test_the_prefix_alone_is_the_docs_page(prefixed_client: httpx.Client) -> None:
    """The prefix itself, without a slash, answers as the root does; a path that only begins alike does not."""
    assert prefixed_client.get(PREFIX).status_code == 200
    assert prefixed_client.get(f"{PREFIX}s/readyz").status_code == 404


@pytest.mark.parametrize(
    "header",
    ["//evil.example", "https://evil.example", "/a/../b c", '/"><script>', "/a?b", "a", "/a//b", "/a,//b", "/"],
)
def test_a_prefix_that_is_not_a_path_is_ignored(header: str, client: httpx.Client) -> None:
    """No client can make the page load anything from another host, or put text of its own into it."""
    plain = client.get("/docs")
    assert client.get("/docs", headers={"x-forwarded-prefix": header}).text == plain.text
    assert client.get("/docs.json", headers={"x-forwarded-prefix": header}).json()["servers"] == [{"url": "./"}]
    assert plain.headers["vary"] == "x-forwarded-prefix"


@pytest.mark.parametrize("setting", ["house", "/house/", "//house", "/ho use", "/a?b", "/a#b"])
def test_an_impossible_prefix_is_refused(setting: str) -> None:
    """The setting is a path from the root without a slash at the end."""
    with pytest.raises(ValueError, match="root_path"):
        ServingSettings(root_path=setting)


def test_the_scopes_prefix_counts_as_well() -> None:
    """An ASGI server that was told the prefix puts it into the path and beside it (ASGI 3, `root_path`)."""
    scope = {"type": "http", "root_path": PREFIX, "headers": [(b"x-forwarded-prefix", b"/other")]}
    assert without_prefix(f"{PREFIX}/readyz", scope, "") == "/readyz"
    assert public_prefix(scope, "") == PREFIX
    assert public_prefix(scope, "/set") == "/set"
    assert with_server({"openapi": "3.1.0"}, PREFIX)["servers"] == [{"url": f"{PREFIX}/"}]


def test_the_page_asks_no_validator() -> None:
    """Swagger UI's default sends the document's address to a host of its own."""
    assert b"validatorUrl: null" in docs_page("t", None, "/docs")[0]
