"""A served model with policies: both connections give the same answer, byte for byte, and the metrics show the values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from serving.application import Application
from serving.model import ServedModel
from serving.settings import ServingSettings, SettingsError
from tabento.bundle.store import read_bundle
from tests.bundles import TAGGED_TREE, TREE, linear_answer, orchard_contract, tagged_contract, write_bundle
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, serving

SETTINGS = ServingSettings(
    slo_p99_ms=60_000, input_policies={"age": "clip", "height": "clip", "crown width": "accept", "soil": "reject"}
)
ORCHARD = orchard_contract()
TAGGED = tagged_contract()
BODIES: dict[str, Any] = {
    "a clipped value": {**TREE, "age": 150},
    "an accepted value": {**TREE, "crown width": 99.5},
    "an accepted and two clipped values": {**TREE, "crown width": 99.5, "age": 0, "height": 77.25},
    "rows with and without a clipped value": {"instances": [TREE, {**TREE, "age": 91}, TREE, {**TREE, "height": 0}]},
    "no unusual value": TREE,
    "an unknown category": {**TREE, "soil": "moon"},
    "a clipped value and a fault": {**TREE, "age": 91, "sort": "moon"},
}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """An application with policies."""
    return application_of(tmp_path_factory.mktemp("policies"), SETTINGS)


@pytest.fixture(scope="module")
def address(application: Application) -> Iterator[str]:
    """The address of its server."""
    with serving(application) as address:
        yield address


def _comparable(answer: bytes) -> bytes:
    """Return an answer without its date."""
    return re.sub(rb"\r\ndate: [^\r]+", b"", answer)


def _both_answers(address: str, content: Any) -> list[bytes]:
    """Return the answers of the fast path and of ASGI to a body."""
    request = plain_request(json.dumps(content).encode(), name="same")
    with RawClient(address) as line:
        answers = []
        for item in (request, request.replace(b"/predict HTTP", b"/predict/ HTTP", 1)):
            line.send(item)
            answers.append(_comparable(line.answer()))
    return answers


@pytest.mark.parametrize("name", BODIES)
def test_both_connections_say_the_same(address: str, name: str) -> None:
    """Byte for byte but for the date, and as the OpenAPI document says."""
    fast, through_asgi = _both_answers(address, BODIES[name])
    assert fast == through_asgi
    schemas = httpx.get(f"{address}/docs.json").json()["components"]["schemas"]
    answer = json.loads(fast.partition(b"\r\n\r\n")[2])
    kind = "Error" if "error" in answer else "Predictions" if "predictions" in answer else "Prediction"
    document = {"$ref": f"#/components/schemas/{kind}", "components": {"schemas": schemas}}
    assert jsonschema_rs.validator_for(document).is_valid(answer)


def test_an_answer_lists_clipped_values(address: str) -> None:
    """The prediction is that of the bounds, and the last key of the answer lists each value."""
    content = httpx.post(f"{address}/predict", json={**TREE, "age": 150, "height": 0.25}).json()
    assert content["prediction"] == linear_answer({**TREE, "age": 90, "height": 0.5}, ORCHARD)
    assert list(content)[-1] == "clipped"
    assert content["clipped"] == [
        {"row": 0, "field": "age", "from": 150, "to": 90},
        {"row": 0, "field": "height", "from": 0.25, "to": 0.5},
    ]
    assert "clipped" not in httpx.post(f"{address}/predict", json=TREE).json()


def test_metrics_show_values_by_treatment(tmp_path: Path) -> None:
    """Accepted, clipped and refused values of all features are counted, each once."""
    with serving(application_of(tmp_path, SETTINGS)) as address:
        for body in BODIES.values():
            httpx.post(f"{address}/predict", json=body)
        text = httpx.get(f"{address}/metrics").text
        policies = httpx.get(f"{address}/model").json()["input_policies"]
    counts = dict(re.findall(r"^tabento_input_values_total\{(.*)\} (.*)$", text, re.MULTILINE))
    assert counts == {
        'feature="age",kind="out_of_range",treatment="clipped"': "3.0",
        'feature="crown width",kind="out_of_range",treatment="accepted"': "2.0",
        'feature="height",kind="out_of_range",treatment="clipped"': "2.0",
        'feature="slope",kind="null",treatment="accepted"': "8.0",
        'feature="soil",kind="unknown_category",treatment="refused"': "1.0",
        'feature="sort",kind="unknown_category",treatment="refused"': "1.0",
    }
    assert policies == SETTINGS.input_policies


def test_clipped_values_follow_identifiers(tmp_path: Path) -> None:
    """With identifiers the answer has both lists, in this order, on both connections and within the process."""
    settings = ServingSettings(slo_p99_ms=60_000, input_policies={"age": "clip"})
    row = {**TAGGED_TREE, "age": 91}
    with serving(application_of(tmp_path, settings, TAGGED)) as address:
        fast, through_asgi = _both_answers(address, row)
    assert fast == through_asgi
    content = json.loads(fast.partition(b"\r\n\r\n")[2])
    assert list(content)[-2:] == ["identifiers", "clipped"]
    model = ServedModel(read_bundle(tmp_path / "bundle", "orchard:v1"), settings)
    assert model.predict(json.dumps(row).encode())["clipped"] == content["clipped"]


def test_a_model_does_not_load_with_impossible_policies(tmp_path: Path) -> None:
    """The service refuses to start, and the message names the remedy."""
    bundle = read_bundle(write_bundle(tmp_path), "orchard:v1")
    with pytest.raises(SettingsError, match="Did you mean 'age'"):
        ServedModel(bundle, ServingSettings(input_policies={"agee": "clip"}))


def test_examples_need_not_fit_the_policies(tmp_path: Path) -> None:
    """An example with an unknown category fits the contract, so the model loads also if such values are refused."""
    bundle = read_bundle(write_bundle(tmp_path, examples=({**TREE, "soil": "moon"},)), "orchard:v1")
    assert ServedModel(bundle, ServingSettings(input_policies={"soil": "reject"})).policies.policies
