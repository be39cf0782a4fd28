"""Triton's own HTTP client, unmodified, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.bundles import LABELS, TREE, orchard_contract

CONTRACT = orchard_contract()
TREES = (TREE, {**TREE, "age": 3, "slope": 2.5, "pruned": False, "soil": "moon dust"})
NUMPY_TYPES: dict[str, Any] = {
    "FP64": np.float64,
    "FP32": np.float32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "BYTES": object,
}


@pytest.fixture
def triton_client(server: str) -> Iterator[triton.InferenceServerClient]:
    """A client of the server of the linear bundle."""
    with triton.InferenceServerClient(server.removeprefix("http://")) as client:
        yield client


@pytest.fixture
def harvest_triton_client(harvest_server: str) -> Iterator[triton.InferenceServerClient]:
    """A client of the server of the classifier."""
    with triton.InferenceServerClient(harvest_server.removeprefix("http://")) as client:
        yield client


def infer_inputs(
    client: triton.InferenceServerClient, name: str, binary: bool, types: dict[str, str] | None = None
) -> list[triton.InferInput]:
    """Return the inputs of ``TREES``, with the datatypes of the model's metadata."""
    inputs = []
    for metadata in client.get_model_metadata(name)["inputs"]:
        datatype = (types or {}).get(metadata["name"], metadata["datatype"])
        values = [row[metadata["name"]] for row in TREES]
        array = np.array([[np.nan if value is None else value] for value in values], NUMPY_TYPES[datatype])
        tensor = triton.InferInput(metadata["name"], list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    return inputs


def expected_predictions(server: str) -> list[Any]:
    """Return the answers of the JSON route to ``TREES``."""
    import httpx

    answer: list[Any] = httpx.post(f"{server}/predict", json={"instances": list(TREES)}).json()["predictions"]
    return answer


def test_the_client_sees_a_live_and_ready_server(triton_client: triton.InferenceServerClient) -> None:
    """Probes, metadata and the index of the repository are read by the client."""
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready(CONTRACT.name)
    assert not triton_client.is_model_ready("other")
    assert triton_client.get_server_metadata()["name"] == "tabento"
    (model,) = triton_client.get_model_repository_index()
    assert triton_client.is_model_ready(CONTRACT.name, model["version"])


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_predictions_are_those_of_the_json_route(
    triton_client: triton.InferenceServerClient, server: str, binary: bool
) -> None:
    """Inputs and outputs as binary data or as JSON give the same numbers, with null as NaN."""
    inputs = infer_inputs(triton_client, CONTRACT.name, binary)
    output = triton.InferRequestedOutput(CONTRACT.output.name, binary_data=binary)
    for outputs in ([output], None):
        result = triton_client.infer(CONTRACT.name, inputs, outputs=outputs, request_id="7")
        assert result.get_response()["id"] == "7"
        assert result.as_numpy(CONTRACT.output.name).tolist() == expected_predictions(server)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_labels_and_probabilities_are_read(
    harvest_triton_client: triton.InferenceServerClient, harvest_server: str, binary: bool
) -> None:
    """Labels arrive as texts and probabilities as a matrix of one column for each class."""
    inputs = infer_inputs(harvest_triton_client, "harvest", binary)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("harvest", "probabilities")]
    result = harvest_triton_client.infer("harvest", inputs, outputs=outputs)
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("harvest")]
    assert labels == expected_predictions(harvest_server)
    probabilities = result.as_numpy("probabilities")
    assert probabilities.shape == (2, len(LABELS))
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_fp32_is_the_number_that_the_client_rounded(triton_client: triton.InferenceServerClient) -> None:
    """The same FP32 as binary data and as JSON is the same float64."""
    answers = []
    for binary in (True, False):
        inputs = infer_inputs(triton_client, CONTRACT.name, binary, {"crown width": "FP32"})
        array = np.array([[0.1 + 3], [0.7 + 2]], np.float32)
        (width,) = (tensor for tensor in inputs if tensor.name() == "crown width")
        width.set_data_from_numpy(array, binary_data=binary)
        answers.append(triton_client.infer(CONTRACT.name, inputs).as_numpy(CONTRACT.output.name).tolist())
    assert answers[0] == answers[1]


def test_errors_reach_the_client(triton_client: triton.InferenceServerClient) -> None:
    """The client raises its own exception, with the status and the message of the service."""
    inputs = infer_inputs(triton_client, CONTRACT.name, True)
    with pytest.raises(InferenceServerException, match="There is no model 'other'") as error_info:
        triton_client.infer("other", inputs)
    assert error_info.value.status() == "404"
    with pytest.raises(InferenceServerException, match="'age': expected an integer between"):
        triton_client.infer(CONTRACT.name, inputs[1:])
    with pytest.raises(InferenceServerException, match="no output 'crop'"):
        triton_client.infer(CONTRACT.name, inputs, outputs=[triton.InferRequestedOutput("crop")])
