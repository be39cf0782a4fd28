"""The Open Inference Protocol over REST, from a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.application import Application
from serving.protocols.open_inference import HEADER_LENGTH
from tests.bundles import LABELS, TREE, orchard_contract
from tests.examples import examples

CONTRACT = orchard_contract()
MODEL = f"/v2/models/{CONTRACT.name}"
TYPES = {"pruned": "BOOL", "sort": "BYTES", "soil": "BYTES"}


def inputs(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one tensor of JSON for each feature of some rows."""
    return [
        {
            "name": name,
            "datatype": TYPES.get(name, "FP64"),
            "shape": [len(rows), 1],
            "data": [row[name] for row in rows],
        }
        for name in TREE
    ]


def with_binary(*rows: dict[str, Any], **request: Any) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a request whose numbers are binary data."""
    parts = []
    tensors = inputs(*rows)
    for tensor in tensors:
        if tensor["datatype"] == "FP64":
            values = [np.nan if value is None else value for value in tensor.pop("data")]
            parts.append(np.array(values, "<f8").tobytes())
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
    text = json.dumps({"inputs": tensors, **request}).encode()
    return b"".join((text, *parts)), {HEADER_LENGTH.decode(): str(len(text))}


def expected_predictions(client: httpx.Client, *rows: dict[str, Any]) -> list[float]:
    """Return the answers of the JSON route."""
    answer: list[float] = client.post("/predict", json={"instances": list(rows)}).json()["predictions"]
    return answer


@pytest.fixture
def metadata(client: httpx.Client) -> dict[str, Any]:
    """The metadata of the model."""
    content: dict[str, Any] = client.get(MODEL).json()
    return content


def test_server_and_model_describe_themselves(client: httpx.Client, metadata: dict[str, Any]) -> None:
    """Server metadata name the extensions; model metadata every input with its datatype, and the output."""
    assert client.get("/v2").json() == {
        "name": "tabento",
        "version": "2",
        "extensions": ["binary_tensor_data", "model_repository"],
    }
    assert metadata["name"] == CONTRACT.name
    assert [tensor["name"] for tensor in metadata["inputs"]] == list(CONTRACT.feature_names)
    assert {tensor["datatype"] for tensor in metadata["inputs"]} == {"FP64", "INT64", "BOOL", "BYTES"}
    assert metadata["outputs"] == [{"name": CONTRACT.output.name, "datatype": "FP64", "shape": [-1]}]
    version = metadata["versions"][0]
    assert client.get(f"{MODEL}/versions/{version}").json() == metadata
    assert client.post("/v2/repository/index", json={}).json() == [
        {"name": CONTRACT.name, "version": version, "state": "READY", "reason": ""}
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (f"{MODEL}/ready", {"name": CONTRACT.name, "ready": True}),
    ],
)
def test_probes_answer(client: httpx.Client, path: str, expected: dict[str, Any]) -> None:
    """Liveness and readiness of server and model are answered by status and body."""
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (200, expected)


def test_json_tensors_are_predicted(client: httpx.Client, metadata: dict[str, Any]) -> None:
    """A request of JSON gets the predictions of the JSON route, with its id and the name of the version."""
    rows = (TREE, {**TREE, "age": 3, "slope": 2.5})
    version = metadata["versions"][0]
    for path in (f"{MODEL}/infer", f"{MODEL}/versions/{version}/infer"):
        answer = client.post(path, json={"id": "42", "inputs": inputs(*rows)}, headers={"x-request-id": "mine"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "mine"
        assert answer.json() == {
            "model_name": CONTRACT.name,
            "model_version": version,
            "id": "42",
            "outputs": [
                {
                    "name": CONTRACT.output.name,
                    "datatype": "FP64",
                    "shape": [2],
                    "data": expected_predictions(client, *rows),
                }
            ],
        }


def test_binary_tensors_are_predicted(client: httpx.Client) -> None:
    """Binary data in both directions gives the same numbers; the header says where they begin."""
    rows = (TREE, {**TREE, "age": 3})
    body, headers = with_binary(*rows, parameters={"binary_data_output": True})
    answer = client.post(f"{MODEL}/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[HEADER_LENGTH.decode()])
    output = json.loads(answer.content[:length])["outputs"][0]
    assert output["parameters"] == {"binary_data_size": 16}
    assert "data" not in output
    assert np.frombuffer(answer.content[length:], "<f8").tolist() == expected_predictions(client, *rows)


def test_one_output_can_be_binary(harvest_client: httpx.Client) -> None:
    """Outputs are chosen by name, and each can be binary or not."""
    outputs = [
        {"name": "probabilities", "parameters": {"binary_data": True}},
        {"name": "harvest", "parameters": {"binary_data": False}},
    ]
    answer = harvest_client.post("/v2/models/harvest/infer", json={"inputs": inputs(TREE), "outputs": outputs})
    expected = harvest_client.post("/predict", json=TREE).json()
    length = int(answer.headers[HEADER_LENGTH.decode()])
    probabilities, harvest = json.loads(answer.content[:length])["outputs"]
    assert (probabilities["shape"], harvest["data"]) == ([1, 3], [expected["prediction"]])
    assert dict(zip(LABELS, np.frombuffer(answer.content[length:]).tolist(), strict=True)) == expected["probabilities"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v2/models/other/infer", 404, f"There is no model 'other'; the service has the model '{CONTRACT.name}'."),
        (f"{MODEL}/versions/7/infer", 404, "There is no version '7'"),
        (f"{MODEL}/generate", 404, f"There is nothing at {MODEL}/generate"),
        ("/v2/models", 404, "There is nothing at /v2/models"),
        (f"{MODEL}/ready", 405, "takes GET, HEAD, got POST"),
    ],
)
def test_unknown_names_and_paths_are_refused(client: httpx.Client, path: str, status: int, message: str) -> None:
    """An unknown model, version, path or method is one text under ``error``."""
    answer = client.post(path, json={"inputs": inputs(TREE)})
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_content", "status", "message"),
    [
        (b"", 400, "The body is empty"),
        (b"{", 400, "The body is not JSON"),
        (b"\xff", 400, "The body is not UTF-8"),
        (b"[" * 5_000, 400, "nested too deeply"),
        ([], 422, "expected an object with the key 'inputs', got an array of 0 elements"),
        ({}, 422, "first inputs: expected a list of at least one tensor, got nothing"),
        ({"inputs": []}, 422, "a list of at least one tensor"),
        ({"inputs": [7]}, 422, "first inputs[0]: expected an object with name, shape, datatype and data, got 7"),
        ({"inputs": [{}]}, 422, "inputs[0].name"),
        ({"inputs": [{"name": "x"}]}, 422, "inputs[0].datatype"),
        ({"inputs": [{"name": "x", "datatype": "FP64", "shape": 3}]}, 422, "inputs[0].shape"),
        ({"inputs": [{"name": "x", "datatype": "FP64", "shape": [1]}]}, 422, "inputs[0].data"),
        ({"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [[1]]}]}, 422, "flat data for the shape"),
        (
            {"id": 7, "inputs": inputs(TREE)},
            422,
            "first id: expected a text of at most 1000 characters of Unicode, got 7",
        ),
        ({"parameters": 7, "inputs": inputs(TREE)}, 422, "an object of parameters"),
        ({"parameters": {"timeout": -1}, "inputs": inputs(TREE)}, 422, "a positive integer of microseconds"),
        ({"parameters": {"binary_data_output": 1}, "inputs": inputs(TREE)}, 422, "true or false"),
        ({"outputs": 7, "inputs": inputs(TREE)}, 422, "a list of outputs"),
        ({"outputs": [7], "inputs": inputs(TREE)}, 422, "outputs[0].name"),
        ({"outputs": [{"name": "crop"}], "inputs": inputs(TREE)}, 422, "The model has no output 'crop'; there are"),
        (
            {"outputs": [{"name": "crop", "parameters": {"classification": 2}}], "inputs": inputs(TREE)},
            422,
            "outputs[0].parameters.classification: expected no such parameter",
        ),
        ({"inputs": inputs({**TREE, "age": -1})}, 422, "first 'age' of row 0: expected"),
        ({"inputs": inputs(TREE)[1:]}, 422, "first 'age': expected an integer"),
    ],
)
def test_wrong_requests_are_named(client: httpx.Client, request_content: Any, status: int, message: str) -> None:
    """The error says which part of the request is wrong, with the expected and the sent value."""
    body = request_content if isinstance(request_content, bytes) else json.dumps(request_content).encode()
    answer = client.post(f"{MODEL}/infer", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]


def test_several_faults_are_listed(client: httpx.Client) -> None:
    """The text of an error has the first faults, not the first one only."""
    answer = client.post(f"{MODEL}/infer", json={"inputs": inputs({**TREE, "age": -1, "sort": "none"})})
    assert "2 values are wrong; first 'age' of row 0" in answer.json()["error"]
    assert "'sort' of row 0: expected one of" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"header": "10000"}, 400, "at most the body's"),
        ({"header": "x"}, 400, "of digits"),
        ({"tail": b"1"}, 422, "bytes of binary data, as binary_data_size of the inputs says"),
        ({"size": 10**9}, 422, "a length of at most the"),
        ({"size": -8}, 422, "a length of at most the"),
        ({"size": 4}, 422, "bytes of binary data"),
        ({"data": [1]}, 422, "either data or binary_data_size"),
        ({"type": "text/plain"}, 415, "application/json or application/octet-stream"),
    ],
)
def test_wrong_binary_data_is_named(client: httpx.Client, change: dict[str, Any], status: int, message: str) -> None:
    """Lengths beyond the body, missing and left-over bytes, and other media types are errors of the client."""
    body, headers = with_binary(TREE)
    length = int(headers[HEADER_LENGTH.decode()])
    content = json.loads(body[:length])
    if "size" in change:
        content["inputs"][0]["parameters"]["binary_data_size"] = change["size"]
    if "data" in change:
        content["inputs"][0]["data"] = change["data"]
    text = json.dumps(content).encode()
    headers = {HEADER_LENGTH.decode(): change.get("header", str(len(text)))}
    headers["content-type"] = change.get("type", "application/octet-stream")
    answer = client.post(f"{MODEL}/infer", content=text + body[length:] + change.get("tail", b""), headers=headers)
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]


def test_a_body_over_the_limit_is_refused(client: httpx.Client, application: Application) -> None:
    """The limits of a body and of rows hold here as well."""
    rows = [TREE] * (application.settings.max_rows + 1)
    answer = client.post(f"{MODEL}/infer", json={"inputs": inputs(*rows)})
    assert answer.status_code == 422
    assert "send several requests" in answer.json()["error"]


def test_large_requests_are_predicted(client: httpx.Client, application: Application) -> None:
    """A long body is read in slices, with texts and NaN, and is answered as a short one."""
    rows = [
        {**TREE, "age": 1 + row % 90, "slope": None if row % 3 else 2.5} for row in range(application.settings.max_rows)
    ]
    tensors = inputs(*rows)
    text = json.dumps({"inputs": tensors}, indent=3).replace("null", "NaN").encode()
    assert len(text) > 100_000
    answer = client.post(f"{MODEL}/infer", content=text)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == expected_predictions(client, *rows)


def test_a_deadline_holds(client: httpx.Client) -> None:
    """The header and the parameter ``timeout`` limit the wait; a time that has passed is 504."""
    answer = client.post(f"{MODEL}/infer", json={"inputs": inputs(TREE)}, headers={"x-deadline-ms": "0.000001"})
    assert answer.status_code == 504
    assert "deadline" in answer.json()["error"]
    answer = client.post(f"{MODEL}/infer", json={"inputs": inputs(TREE), "parameters": {"timeout": 60_000_000}})
    assert answer.status_code == 200


def test_requests_are_counted_by_route(client: httpx.Client, application: Application) -> None:
    """The label is the path with placeholders, so that names of models do not add labels."""
    before = application.metrics.answered.get(("/v2/models/{name}/infer", 404), 0)
    for name in ("one", "two"):
        client.post(f"/v2/models/{name}/infer", json={"inputs": inputs(TREE)})
    assert application.metrics.answered["/v2/models/{name}/infer", 404] == before + 2
    assert application.metrics.in_flight == 0


@pytest.fixture(scope="module")
def module_client(server: str) -> Iterator[httpx.Client]:
    """An HTTP client for all examples of a property."""
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


def test_hostile_requests_never_fail_the_service(module_client: httpx.Client) -> None:
    """Changed parts, sizes and bytes of a request give 200 or an error of the client."""
    body, headers = with_binary(TREE)
    length = int(headers[HEADER_LENGTH.decode()])
    keys = st.sampled_from(["name", "datatype", "shape", "parameters", "data", "other"])

    @settings(max_examples=examples(150))
    @given(
        st.integers(0, len(TREE) - 1), keys, JSON_VALUES, st.integers(-3, 3), st.binary(max_size=9), st.integers(0, 200)
    )
    def try_change(index: int, key: str, value: Any, shift: int, tail: bytes, cut: int) -> None:
        content = json.loads(body[:length])
        content["inputs"][index][key] = value
        text = json.dumps(content).encode()
        data = (text + body[length:])[: len(body) - cut] + tail
        answer = module_client.post(
            f"{MODEL}/infer", content=data, headers={HEADER_LENGTH.decode(): str(max(len(text) + shift, 0))}
        )
        assert answer.status_code in (200, 400, 422), answer.text
        if answer.status_code != 200:
            assert list(answer.json()) == ["error"]

    try_change()


@pytest.mark.parametrize("method", ["length", "chunks"])
def test_a_body_over_the_limit_is_an_error_of_the_protocol(
    client: httpx.Client, application: Application, method: str
) -> None:
    """The limit of a body is checked before its route is called, and the error has the form of the protocol."""
    size = application.settings.max_body_bytes + 1
    content = b" " * size if method == "length" else iter([b" " * size])
    answer = client.post(f"{MODEL}/infer", content=content)
    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("headers", [{"content-type": "application/octet-stream"}, {"content-type": "text/csv"}])
def test_a_body_is_asked_for(client: httpx.Client, headers: dict[str, str]) -> None:
    """A client that waits for 100 Continue may send its body, also if it is not declared as JSON."""
    path = f"{MODEL}/infer" if "octet" in headers["content-type"] else "/invocations"
    content = json.dumps({"inputs": inputs(TREE)}).encode() if "infer" in path else b"x"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {headers['content-type']}\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(content)
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200 " if "infer" in path else b"HTTP/1.1 422 ")
