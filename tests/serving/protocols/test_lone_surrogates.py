"""A lone surrogate, which JSON can escape and UTF-8 cannot write, is an error of the client wherever it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from serving.settings import ServingSettings
from tests.bundles import TREE, orchard_contract
from tests.serving.fastpath.raw_client import RawClient, application_of, serving

CONTRACT = orchard_contract()
SURROGATE = "\ud800"
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}
REQUEST: dict[str, Any] = {
    "id": "a",
    "parameters": {"p": "q"},
    "inputs": [
        {
            "name": feature.name,
            "shape": [1],
            "datatype": DATATYPES.get(feature.type, "BYTES"),
            "data": [TREE[feature.name]],
            "parameters": {"p": "q"},
        }
        for feature in CONTRACT.features
        if feature.name in TREE
    ],
    "outputs": [{"name": CONTRACT.output.name, "parameters": {"p": "q"}}],
}
INVOCATIONS: list[dict[str, Any]] = [
    {"instances": [{SURROGATE: 1}]},
    {"instances": [{**TREE, "kind": SURROGATE}], "params": {SURROGATE: SURROGATE}},
    {"dataframe_split": {"columns": [SURROGATE], "data": [[SURROGATE]]}},
    {"dataframe_records": [{"kind": SURROGATE}]},
    {"inputs": {SURROGATE: [SURROGATE]}},
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the orchard's model."""
    application = application_of(tmp_path_factory.mktemp("surrogates"), ServingSettings(slo_p99_ms=60_000))
    with serving(application) as address:
        yield address


def variants(content: Any) -> Iterator[Any]:
    """Yield copies of a value in which one text or key is a lone surrogate."""
    if isinstance(content, str):
        yield SURROGATE
    elif isinstance(content, list):
        for index, element in enumerate(content):
            yield from ([*content[:index], variant, *content[index + 1 :]] for variant in variants(element))
    elif isinstance(content, dict):
        for key, member in content.items():
            rest = {name: value for name, value in content.items() if name != key}
            yield {**rest, SURROGATE: member}
            yield from ({**rest, key: variant} for variant in variants(member))


def _status(address: str, path: str, content: Any) -> int:
    body = json.dumps(content).encode()
    with RawClient(address) as client:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        client.send(head.encode() + body)
        return client.status()


def test_no_text_of_an_inference_request_makes_the_service_fail(address: str) -> None:
    """Each text and each key of a valid request is replaced in turn; the answer is 200, or names a fault of the client."""
    path = f"/v2/models/{CONTRACT.name}/infer"
    assert _status(address, path, REQUEST) == 200
    assert _status(address, path, {**REQUEST, "id": SURROGATE}) == 422
    statuses = [_status(address, path, variant) for variant in variants(REQUEST)]
    assert len(statuses) > 50
    assert {status // 100 for status in statuses} <= {2, 4}


@pytest.mark.parametrize("content", INVOCATIONS)
def test_no_text_of_an_invocation_makes_the_service_fail(address: str, content: dict[str, Any]) -> None:
    """The same for the forms of MLflow."""
    assert _status(address, "/invocations", content) in (400, 422)
