"""The policies for values outside the contract hold for tensors and tables as for JSON, and their answers say what was clipped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.codec import careful
from serving.codec.identify import decoder_of
from serving.codec.input_policies import InputPolicies
from serving.codec.rows import Rows
from serving.codec.slices import Steps, WorkMeter, run_steps
from serving.errors import InvalidError
from serving.protocols.open_inference import HEADER_LENGTH
from serving.protocols.tables import TableDecoder
from serving.protocols.tensor_rows import TensorDecoder
from serving.settings import InputPolicy, ServingSettings
from tests.bundles import TREE, linear_answer, orchard_contract, tagged_contract, with_output
from tests.examples import examples
from tests.serving.fastpath.raw_client import application_of, serving
from tests.serving.protocols.test_open_inference import inputs, with_binary
from tests.serving.protocols.test_tensor_rows import as_json, columns
from tests.tabento.bundle.test_interval import GROUPED

CONTRACT = orchard_contract()
MAX_ROWS = 5
POLICIES: dict[str, InputPolicy] = {"age": "clip", "height": "clip", "crown width": "accept", "soil": "reject"}
SETTINGS = ServingSettings(slo_p99_ms=60_000, input_policies=POLICIES)
INFER = f"/v2/models/{CONTRACT.name}/infer"
ROWS: list[dict[str, Any]] = [TREE, {**TREE, "age": 150, "crown width": 99.5}, {**TREE, "height": 0.25}]
CLIPPED = [
    {"row": 1, "field": "age", "from": 150, "to": 90},
    {"row": 2, "field": "height", "from": 0.25, "to": 0.5},
]
COUNTS = {
    'feature="age",kind="out_of_range",treatment="clipped"': "1.0",
    'feature="crown width",kind="out_of_range",treatment="accepted"': "1.0",
    'feature="height",kind="out_of_range",treatment="clipped"': "1.0",
    'feature="slope",kind="null",treatment="accepted"': "3.0",
}
MISSING_TEXTS = tagged_contract().model_copy(update={"identifiers": ()})
"""A contract in which a number outside the range is missing, without identifiers, so that columns are checked as arrays."""
_WORDS: dict[str, tuple[InputPolicy, ...]] = {
    "age": ("reject", "accept", "clip"),
    "crown width": ("reject", "accept"),
    "height": ("accept", "clip"),
    "slope": ("accept", "clip"),
    "soil": ("reject", "accept"),
}
_policies = st.fixed_dictionaries({}, optional={name: st.sampled_from(words) for name, words in _WORDS.items()})
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.integers(-5, 200) | st.sampled_from([2**53, -(2**53)]),
            "crown width": st.floats(-5, 50),
            "height": st.floats(-5, 50),
            "slope": st.none() | st.floats(-400, 400) | st.just(-999.0),
            "soil": st.sampled_from([TREE["soil"], "moon"]),
        }
    ).map(lambda changes: {**TREE, **changes}),
    min_size=1,
    max_size=MAX_ROWS,
)


def _outcome(steps: Steps[Rows]) -> Any:
    try:
        return run_steps(steps)
    except InvalidError as error:
        return error.details, error.kinds


@settings(max_examples=examples(500), deadline=None)
@given(_rows, _policies)
@example(ROWS, POLICIES)
def test_tensors_and_tables_follow_the_policies_of_json(
    rows: list[dict[str, Any]], policies: dict[str, InputPolicy]
) -> None:
    """They become the rows and the clipped values of JSON, or are refused with the same faults of the same kinds."""
    checked = InputPolicies(MISSING_TEXTS, policies)
    decoder = decoder_of(MISSING_TEXTS, MAX_ROWS, policies=checked)
    tensors = TensorDecoder(checked.contract, decoder.careful)
    tables = TableDecoder(checked.contract, tensors.columns, MAX_ROWS, ignore_unknown=False)
    expected = _outcome(decoder.decode_steps(as_json(rows)))
    assert _outcome(tensors.steps(columns(rows))) == expected
    assert _outcome(tables.json_steps({"instances": rows}, WorkMeter())) == expected
    mixed = [rows[0], dict(reversed(rows[0].items())), *rows[1:]][:MAX_ROWS]
    expected = _outcome(decoder.decode_steps(as_json(mixed)))
    assert _outcome(tables.json_steps({"dataframe_records": mixed}, WorkMeter())) == expected


def test_identifiers_go_with_clipped_values() -> None:
    """Columns of a contract with identifiers are clipped as well."""
    contract = tagged_contract()
    checked = InputPolicies(contract, {"age": "clip"})
    decoder = decoder_of(contract, MAX_ROWS, policies=checked)
    row = {**TREE, "age": 91, "tag": "T1"}
    rows = TensorDecoder(checked.contract, decoder.careful).decode(columns([row]))
    assert rows == decoder.decode(as_json([row]))
    assert rows.clips is not None
    assert rows.identifiers


def test_a_request_with_too_many_clipped_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of JSON holds for columns; the error names it, and no field that such a request does not have."""
    monkeypatch.setattr(careful, "CLIPS_LIMIT", 2)
    checked = InputPolicies(CONTRACT, {"age": "clip"})
    tensors = TensorDecoder(checked.contract, decoder_of(CONTRACT, MAX_ROWS, policies=checked).careful)
    tables = TableDecoder(checked.contract, tensors.columns, MAX_ROWS, ignore_unknown=False)
    rows = [{**TREE, "age": 91}] * 3
    assert tensors.decode(columns(rows[:2])).count == 2
    for steps in (tensors.steps(columns(rows)), tables.json_steps(rows, WorkMeter())):
        with pytest.raises(InvalidError, match=r"at most 2 values outside .*several requests") as error_info:
            run_steps(steps)
        assert [detail.field for detail in error_info.value.details] == [None]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a service with policies."""
    with serving(application_of(tmp_path, SETTINGS)) as address, httpx.Client(base_url=address) as client:
        yield client


def counts_of(client: httpx.Client) -> dict[str, str]:
    """Return the counts of unusual values."""
    text = client.get("/metrics").text
    return dict(re.findall(r"^tabento_input_values_total\{(.*)\} (.*)$", text, re.MULTILINE))


def _predictions() -> list[float]:
    """Return the answers to ``ROWS`` with the clipped values."""
    model_rows = [ROWS[0], {**ROWS[1], "age": 90}, {**ROWS[2], "height": 0.5}]
    return [linear_answer(row, CONTRACT) for row in model_rows]


def test_an_inference_says_what_was_clipped(client: httpx.Client) -> None:
    """The parameter is a text of JSON; the model sees the bounds, and each value is counted once."""
    answer = client.post(INFER, json={"inputs": inputs(*ROWS)}).json()
    assert answer["outputs"][0]["data"] == _predictions()
    assert json.loads(answer["parameters"]["clipped"]) == CLIPPED
    assert counts_of(client) == COUNTS
    assert "parameters" not in client.post(INFER, json={"inputs": inputs(TREE)}).json()


def test_a_binary_answer_says_what_was_clipped(client: httpx.Client) -> None:
    """The parameter is in the JSON object before the binary data."""
    body, headers = with_binary(*ROWS, parameters={"binary_data_output": True})
    answer = client.post(INFER, content=body, headers=headers)
    length = int(answer.headers[HEADER_LENGTH.decode()])
    assert json.loads(json.loads(answer.content[:length])["parameters"]["clipped"]) == CLIPPED
    assert np.frombuffer(answer.content[length:]).tolist() == _predictions()


def test_an_invocation_answers_as_a_batch(client: httpx.Client) -> None:
    """The answer lists the clipped values as that of ``/predict/batch``, from JSON and from CSV; they are counted once."""
    answer = client.post("/invocations", json={"dataframe_records": ROWS}).json()
    assert counts_of(client) == COUNTS
    assert answer["predictions"] == _predictions()
    assert answer["clipped"] == CLIPPED
    lines = [",".join(TREE), *(",".join("" if v is None else str(v) for v in row.values()) for row in ROWS)]
    of_csv = client.post("/invocations", content="\n".join(lines), headers={"content-type": "text/csv"}).json()
    batch = client.post("/predict/batch", json={"instances": ROWS}).json()
    for content in (answer, of_csv, batch):
        content.pop("request_id")
    assert answer == of_csv == batch


def test_intervals_of_an_inference_are_those_of_json(tmp_path: Path) -> None:
    """The ends are in the answer as in JSON, as data and as binary data, also by a clipped feature."""
    contract = with_output(CONTRACT, interval=GROUPED.model_dump())
    name = contract.output.name
    with (
        serving(application_of(tmp_path, SETTINGS, contract)) as address,
        httpx.Client(base_url=address) as client,
    ):
        expected = client.post("/predict", json={"instances": ROWS}).json()["intervals"]
        lower, upper = client.post(INFER, json={"inputs": inputs(*ROWS)}).json()["outputs"][1:]
        outputs = [{"name": f"{name}_upper", "parameters": {"binary_data": True}}]
        body, headers = with_binary(*ROWS, outputs=outputs)
        binary = client.post(INFER, content=body, headers=headers)
        metadata = client.get(f"/v2/models/{CONTRACT.name}").json()["outputs"]
    assert lower == {
        "name": f"{name}_lower",
        "datatype": "FP64",
        "shape": [3],
        "parameters": {"coverage": "0.9"},
        "data": [item["lower"] for item in expected],
    }
    assert upper["data"] == [item["upper"] for item in expected]
    length = int(binary.headers[HEADER_LENGTH.decode()])
    assert np.frombuffer(binary.content[length:]).tolist() == upper["data"]
    (output,) = json.loads(binary.content[:length])["outputs"]
    assert output["parameters"] == {"coverage": "0.9", "binary_data_size": 24}
    assert metadata[1] == {
        "name": f"{name}_lower",
        "datatype": "FP64",
        "shape": [-1],
        "parameters": {"coverage": "0.9"},
    }
