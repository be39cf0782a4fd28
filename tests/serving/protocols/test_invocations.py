"""``/invocations`` and ``/ping``, as clients of MLflow and SageMaker call them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.deployments import PredictionsResponse
from mlflow.utils.proto_json_utils import dump_input_data

from serving.application import Application
from tests.bundles import TREE, orchard_contract
from tests.examples import examples

CONTRACT = orchard_contract()
ROWS: list[dict[str, Any]] = [TREE, {**TREE, "age": 3, "slope": 2.5, "pruned": False, "soil": "moon dust"}]
NAMES = list(TREE)
LISTS = [list(row.values()) for row in ROWS]


def expected_predictions(client: httpx.Client) -> list[float]:
    """Return the answers of the JSON route to ``ROWS``."""
    answer: list[float] = client.post("/predict", json={"instances": ROWS}).json()["predictions"]
    return answer


def test_the_ping_answers(client: httpx.Client) -> None:
    """The probe of both servers is 200 when the model is ready."""
    assert client.get("/ping").status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_split": {"columns": NAMES, "index": [0, 1], "data": LISTS}},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in LISTS]}, "params": {"x": 1}},
        {"dataframe_split": {"data": LISTS}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"instances": LISTS},
        {"inputs": LISTS},
        {"inputs": {name: [row[name] for row in ROWS] for name in NAMES}},
        {"inputs": {name: [[row[name]] for row in ROWS] for name in NAMES}},
        LISTS,
        ROWS,
    ],
)
def test_every_form_of_json_is_predicted(client: httpx.Client, content: Any) -> None:
    """Rows and columns, with names or in the contract's order, give the predictions of the JSON route."""
    answer = client.post("/invocations", json=content)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == expected_predictions(client)
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "content",
    [{"inputs": TREE}, TREE, {"dataframe_records": [TREE]}, {"dataframe_records": [{**TREE, "slope": float("nan")}]}],
)
def test_one_row_is_a_list_of_one_prediction(client: httpx.Client, content: Any) -> None:
    """Clients of both servers expect a list; NaN is null, as pandas writes it."""
    answer = client.post(
        "/invocations", content=json.dumps(content), headers={"content-type": "application/json; charset=utf-8"}
    )
    assert answer.json()["predictions"] == expected_predictions(client)[:1]


def frame() -> pd.DataFrame:
    """Return ``ROWS`` as a data frame."""
    return pd.DataFrame(ROWS)


@pytest.mark.parametrize(
    ("as_example", "key"),
    [
        (frame, "dataframe_split"),
        (lambda: ROWS, "instances"),
        (lambda: LISTS, "inputs"),
    ],
)
def test_bodies_that_mlflow_writes_are_predicted(client: httpx.Client, as_example: Callable[[], Any], key: str) -> None:
    """MLflow's own writer makes the body, as its client does, and MLflow's own reader finds the predictions."""
    body = dump_input_data(as_example(), key)
    assert key in json.loads(body)
    answer = client.post("/invocations", content=body, headers={"content-type": "application/json"})
    predictions = PredictionsResponse.from_json(answer.text).get_predictions()
    assert predictions[0].tolist() == expected_predictions(client)


@pytest.mark.slow
def test_the_client_of_mlflow_reads_the_answer(client: httpx.Client, server: str) -> None:
    """MLflow's own client pings the service, sends a data frame, and reads the predictions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient  # takes seconds
    address = httpx.URL(server)
    mlflow_client = ScoringServerClient(address.host, address.port)
    mlflow_client.ping()
    predictions = mlflow_client.invoke(frame()).get_predictions()
    assert predictions[0].tolist() == expected_predictions(client)


@pytest.mark.parametrize("header", [True, False])
def test_csv_is_predicted(client: httpx.Client, header: bool) -> None:
    """CSV has a header, as from MLflow, or cells in the contract's order, as from SageMaker; an empty cell is null."""
    body = frame().to_csv(index=False, header=header)
    answer = client.post("/invocations", content=body, headers={"content-type": "text/csv; charset=utf-8"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == expected_predictions(client)


def test_labels_and_probabilities_are_answered(harvest_client: httpx.Client) -> None:
    """A classification answers labels under ``predictions``, and its probabilities beside them."""
    answer = harvest_client.post("/invocations", json={"dataframe_records": ROWS}).json()
    expected = harvest_client.post("/predict/batch", json={"instances": ROWS}).json()
    assert answer | {"request_id": ""} == expected | {"request_id": ""}


@pytest.mark.parametrize(
    ("content", "field", "expected", "got"),
    [
        (7, None, "an object with one of the keys dataframe_split", "7"),
        ({}, None, "exactly one of the keys", "the keys of an empty object"),
        ({"rows": []}, None, "exactly one of the keys", "the keys rows"),
        ({"inputs": LISTS, "instances": LISTS}, None, "exactly one of the keys", "instances and inputs"),
        ({"dataframe_split": []}, "dataframe_split", "an object with columns and data", "an array of 0 elements"),
        ({"dataframe_split": {"columns": 7}}, "dataframe_split.columns", "a list of names", "7"),
        ({"dataframe_split": {"data": 7}}, "dataframe_split.data", "a list of rows", "7"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": []}}, "age", "the column once", "it again"),
        ({"dataframe_split": {"data": [LISTS[0], [1]]}}, None, "a list of 7 values", "1 values"),
        ({"dataframe_split": {"data": []}}, None, "1 to 1000 rows", "0 rows"),
        ({"dataframe_records": 7}, "dataframe_records", "a list of rows", "7"),
        ({"dataframe_records": [TREE, 7]}, None, "an object of features", "7"),
        ({"dataframe_records": [{}]}, None, "an object of features", "an empty object"),
        ({"dataframe_records": [TREE, {**TREE, "x": 1}]}, "x", "no such field; there are age", "1"),
        ({"dataframe_records": [{**TREE, "age": -1}]}, "age", "an integer between", "-1"),
        ({"dataframe_records": [TREE, {"age": 1}]}, "crown width", "a number", "nothing: the field is missing"),
        ({"dataframe_records": [TREE] * 1_001}, None, "1 to 1000 rows", "1001 rows; send several requests"),
        ({"instances": [1, 2]}, "instances", "a list of objects, or of lists of 7 values", "1"),
        ({"inputs": {"age": [1], "height": [1, 2]}}, "height", "a list of 1 values", "an array of 2 elements"),
        ({"inputs": {}}, "inputs", "an object with a list for each feature", "an empty object"),
    ],
)
def test_wrong_bodies_are_named(client: httpx.Client, content: Any, field: str | None, expected: str, got: str) -> None:
    """The envelope says which part is wrong, with the expected and the sent value."""
    answer = client.post("/invocations", json=content)
    assert answer.status_code == 422, answer.text
    detail = answer.json()["error"]["details"][0]
    assert detail["field"] == field
    assert detail["expected"].startswith(expected)
    assert detail["got"].startswith(got)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "text/csv", 400),
        (b'"a', "text/csv", 400),
        (b"", "text/csv", 422),
        (b"1,2\n", "text/csv", 422),
        (b"a,b", "text/plain", 415),
        (b"{}", "text/csv; charset=latin-1", 415),
    ],
)
def test_bodies_of_other_kinds_are_refused(client: httpx.Client, body: bytes, kind: str, status: int) -> None:
    """Neither JSON nor CSV in UTF-8 is an error of the client."""
    answer = client.post("/invocations", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text


def test_wrong_cells_of_csv_are_named(client: httpx.Client) -> None:
    """A cell that its feature does not accept is named as a value of JSON would be."""
    body = frame().assign(age=["old", "3"]).to_csv(index=False)
    answer = client.post("/invocations", content=body, headers={"content-type": "text/csv"})
    detail = answer.json()["error"]["details"][0]
    assert (detail["row"], detail["field"], detail["got"]) == (0, "age", '"old"')


def test_the_routes_can_be_switched_off(client: httpx.Client, application: Application) -> None:
    """Without their settings, the routes do not exist."""
    changed = application.settings.model_copy(update={"open_inference": False, "invocations": False})
    other = Application(application._inner, changed)
    assert {route.path for route in other._cold.routes}.isdisjoint({"/v2", "/invocations", "/ping"})
    assert {"/v2", "/invocations", "/ping"} <= {route.path for route in application._cold.routes}


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
TABLES = st.recursive(
    VALUES, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(NAMES), part), max_leaves=6
)


def test_hostile_tables_never_fail_the_service(client: httpx.Client) -> None:
    """Whatever is below a key, the answer is 200 or an error of the client."""

    @settings(max_examples=examples(150))
    @given(st.sampled_from(["dataframe_split", "dataframe_records", "inputs", "instances", "other"]), TABLES)
    def try_table(key: str, table: Any) -> None:
        answer = client.post("/invocations", content=json.dumps({key: table}))
        assert answer.status_code in (200, 400, 422), answer.text

    try_table()


@settings(max_examples=examples(50))
@given(st.text(st.sampled_from('1a,"\n\r\x00é'), max_size=20))
def test_hostile_csv_is_refused(text: str) -> None:
    """Any text is rows, or an error of the client."""
    from serving.codec.decode import Decoder
    from serving.codec.slices import WorkMeter, run_steps
    from serving.errors import ServingError
    from serving.protocols.columns import ColumnDecoder
    from serving.protocols.tables import TableDecoder

    columns = ColumnDecoder(CONTRACT, Decoder(CONTRACT, 5).careful)
    with pytest.raises(ServingError):
        run_steps(TableDecoder(CONTRACT, columns, 5, ignore_unknown=False).csv_steps(text, WorkMeter()))
