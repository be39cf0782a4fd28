"""Calls with clipped values, prediction intervals and prediction sets, by an unmodified client."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import tritonclient.grpc as triton

from tests.bundles import LABELS, classifier_contract, with_output
from tests.serving.protocols.grpc.grpc_service import inputs_of, serve_both, typed_request
from tests.serving.protocols.test_clipped_values import CLIPPED, CONTRACT, COUNTS, ROWS, SETTINGS, counts_of
from tests.tabento.bundle.test_interval import GROUPED


def test_a_call_says_what_was_clipped_and_has_intervals(tmp_path: Path) -> None:
    """Raw contents: the parameter is a text of JSON, the ends are those of JSON, and each value is counted once."""
    contract = with_output(CONTRACT, interval=GROUPED.model_dump())
    name = contract.output.name
    with (
        serve_both(tmp_path, SETTINGS, contract) as service,
        triton.InferenceServerClient(service.target) as client,
        httpx.Client(base_url=service.http) as http,
    ):
        result = client.infer("orchard", inputs_of(ROWS))
        assert counts_of(http) == COUNTS
        expected = http.post("/predict", json={"instances": ROWS}).json()
        usual = client.infer("orchard", inputs_of(ROWS[:1])).get_response()
        names = [output.name for output in client.get_model_metadata("orchard").outputs]
    response = result.get_response()
    assert json.loads(response.parameters["clipped"].string_param) == expected["clipped"] == CLIPPED
    assert result.as_numpy(name).tolist() == expected["predictions"]
    for end in ("lower", "upper"):
        assert result.as_numpy(f"{name}_{end}").tolist() == [item[end] for item in expected["intervals"]]
        assert result.get_output(f"{name}_{end}").parameters["coverage"].string_param == "0.9"
    assert "clipped" not in usual.parameters
    assert names == [name, f"{name}_lower", f"{name}_upper"]


def test_a_call_has_prediction_sets(tmp_path: Path) -> None:
    """Raw and typed contents: the members of the set are the labels that JSON lists."""
    prediction_set = {"coverage": 0.9, "thresholds": (0.1, 0.3, 0.5)}
    contract = with_output(classifier_contract(), prediction_set=prediction_set)
    with (
        serve_both(tmp_path, SETTINGS, contract) as service,
        triton.InferenceServerClient(service.target) as client,
    ):
        expected = httpx.post(f"{service.http}/predict", json={"instances": ROWS}).json()["sets"]
        members = client.infer(contract.name, inputs_of(ROWS)).as_numpy("harvest_set")
        request = typed_request(ROWS[1])
        request.model_name = contract.name
        typed = client._client_stub.ModelInfer(request)
    assert [[label for label, member in zip(LABELS, row, strict=True) if member] for row in members] == expected
    (index,) = [index for index, output in enumerate(typed.outputs) if output.name == "harvest_set"]
    assert list(typed.outputs[index].contents.bool_contents) == members[1].tolist()
    assert json.loads(typed.parameters["clipped"].string_param) == [{**CLIPPED[0], "row": 0}]
