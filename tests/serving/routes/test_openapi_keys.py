"""The OpenAPI document names the API keys that a service asks for."""

from __future__ import annotations

import pytest

from serving.routes.openapi import build_openapi
from serving.routes.openapi_keys import add_security
from serving.settings import ServingSettings
from tabento.bundle.store import Bundle, read_bundle
from tests.bundles import write_bundle

KEYS = "a=sha256:" + "0" * 64


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle."""
    return read_bundle(write_bundle(tmp_path_factory.mktemp("openapi") / "bundle"), "orchard:v1")


def test_operations_name_their_scopes(bundle: Bundle) -> None:
    """With keys, predictions and descriptions need one and can be refused; probes need none."""
    settings = ServingSettings(api_keys=KEYS, metrics_access="open")
    document = add_security(build_openapi(bundle, settings), settings)
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    predict = document["paths"]["/predict"]["post"]
    assert predict["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert "scope `predict`" in predict["description"]
    assert {"200", "401", "403", "422", "429"} <= set(predict["responses"])
    assert "scope `read`" in document["paths"]["/model"]["get"]["description"]
    for path in ("/livez", "/health", "/metrics"):
        assert "security" not in document["paths"][path]["get"]


def test_without_keys_nothing_changes(bundle: Bundle) -> None:
    """A service without keys has no security in its document."""
    settings = ServingSettings()
    document = build_openapi(bundle, settings)
    assert add_security(document, settings) is document
