"""What a client sees over HTTP, from a real server."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import httpx
import pytest

from serving.application import Application
from serving.codec.decode import PLAIN_BYTES
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.servers import wait_until

CONTRACT = orchard_contract()
ANSWER = linear_answer(TREE, CONTRACT)
JSON = {"content-type": "application/json"}


def _tree(**changes: Any) -> bytes:
    return json.dumps({**TREE, **changes}).encode()


def _post(client: httpx.Client, body: bytes, path: str = "/predict", **headers: str) -> httpx.Response:
    return client.post(path, content=body, headers={**JSON, **headers})


@pytest.mark.parametrize("path", ["/predict", "/predict/", "/api/v1/predict"])
def test_one_object_is_answered(client: httpx.Client, linear_bundle: str, path: str) -> None:
    """A row gets its prediction, with model, version and request id; a trailing slash changes nothing."""
    response = _post(client, _tree(), path)
    assert response.status_code == 200
    body = response.json()
    assert body["prediction"] == ANSWER
    assert f"{body['model']}:{body['version']}" == linear_bundle
    assert body["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_many_rows_are_answered_in_order(client: httpx.Client, path: str) -> None:
    """Each row gets its own answer, in the order of the rows."""
    rows = [{**TREE, "age": age} for age in (50, 1, 90, 7)]
    body = _post(client, json.dumps({"instances": rows}).encode(), path).json()
    assert body["predictions"] == [linear_answer(row, CONTRACT) for row in rows]


def test_the_callers_request_id_comes_back(client: httpx.Client) -> None:
    """In the header and in the body, for answers and errors alike."""
    for body in (_tree(), _tree(age=0)):
        response = _post(client, body, **{"x-request-id": "call-7"})
        assert response.headers["x-request-id"] == response.json()["request_id"] == "call-7"


MALFORMED, INVALID = (400, "malformed"), (422, "invalid")
BAD_BODIES: dict[str, tuple[bytes, tuple[int, str], int | None, str | None, str]] = {
    "malformed JSON": (b'{"age": ', MALFORMED, None, None, ""),
    "an empty body": (b"", MALFORMED, None, None, ""),
    "invalid UTF-8": (b'{"age": "\xff"}', MALFORMED, None, None, ""),
    "bottomless nesting": (b"[" * 200_000, MALFORMED, None, None, ""),
    "no object": (b"[1, 2]", INVALID, None, None, "an array of 2 elements"),
    "a missing field": (json.dumps({**TREE, "age": 1} | {"tall": 1}).encode(), INVALID, 0, "tall", "1"),
    "null for a field that is not nullable": (_tree(age=None), INVALID, 0, "age", "null"),
    "a NaN literal": (_tree().replace(b"3.5", b"NaN"), INVALID, 0, "crown width", "NaN"),
    "an Infinity literal": (_tree().replace(b"3.5", b"Infinity"), INVALID, 0, "crown width", "Infinity"),
    "a number beyond float64": (_tree().replace(b"3.5", b"1e400"), INVALID, 0, "crown width", "1e400"),
    "a string for a number": (_tree(height="4"), INVALID, 0, "height", '"4"'),
    "a boolean for a number": (_tree(height=True), INVALID, 0, "height", "true"),
    "an integer beyond 2^53": (_tree(slope=2**53 + 1), INVALID, 0, "slope", "9007199254740993"),
    "out of range": (_tree(height=21), INVALID, 0, "height", "21"),
    "an unknown category": (_tree(sort="PEAR"), INVALID, 0, "sort", '"PEAR"'),
    "empty instances": (b'{"instances": []}', INVALID, None, "instances", "an empty list"),
    "a wrong row among right ones": (
        json.dumps({"instances": [TREE, {**TREE, "age": -1}]}).encode(),
        INVALID,
        1,
        "age",
        "-1",
    ),
    "too many rows": (
        json.dumps({"instances": [TREE] * 1001}).encode(),
        INVALID,
        None,
        "instances",
        "a list of more than 1000; send several requests",
    ),
    "a repeated key": (_tree()[:-1] + b', "age": 12}', INVALID, 0, "age", "it again, with 12"),
    "200 levels of nesting": (
        _tree().replace(b"3.5", b"[" * 200 + b"]" * 200),
        INVALID,
        0,
        "crown width",
        "an array of 1 elements",
    ),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_input_is_explained(client: httpx.Client, name: str) -> None:
    """Each kind of bad body gets its status and an envelope naming row, field, expected and got."""
    body, (status, code), row, field, got = BAD_BODIES[name]
    response = _post(client, body)
    content = response.json()
    assert (response.status_code, content["error"]["code"]) == (status, code)
    assert content["error"]["message"]
    assert content["request_id"] == response.headers["x-request-id"]
    if got:
        (detail,) = content["error"]["details"]
        assert (detail["row"], detail["field"], detail["got"]) == (row, field, got)
        assert detail["expected"]


def test_a_missing_field_is_told_from_a_null(client: httpx.Client) -> None:
    """The message for a missing field differs from the message for a null."""
    body = json.dumps({key: value for key, value in TREE.items() if key != "age"}).encode()
    (detail,) = _post(client, body).json()["error"]["details"]
    assert (detail["field"], detail["got"]) == ("age", "nothing: the field is missing")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json;charset=UTF-8", 200),
        ("Application/JSON", 200),
    ],
)
def test_only_json_in_utf8_is_taken(client: httpx.Client, kind: str, status: int) -> None:
    """Another media type or character set is 415, with what came and how to do it right."""
    response = client.post("/predict", content=_tree(), headers={"content-type": kind})
    assert response.status_code == status
    if status == 415:
        assert response.json()["error"]["code"] == "unsupported_media_type"
        assert kind in response.json()["error"]["message"]


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    """A body that would have to be unpacked first is 415, not garbage for the parser."""
    assert _post(client, _tree(), **{"content-encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/predict", "POST"),
        ("PUT", "/predict", "POST"),
        ("DELETE", "/predict/batch", "POST"),
        ("POST", "/model", "GET, HEAD"),
        ("OPTIONS", "/livez", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(client: httpx.Client, method: str, path: str, allow: str) -> None:
    """A wrong method is a 405 whose header Allow names the right one."""
    response = client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nowhere", "/predict/more", "/predict%00", "/..%2fetc"])
def test_an_unknown_route_is_404(client: httpx.Client, path: str) -> None:
    """An unknown route is a 404 in the envelope of every error."""
    response = client.post(path, content=b"{}", headers=JSON)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_a_single_object_is_refused_where_rows_are_expected(client: httpx.Client) -> None:
    """``/predict/batch`` takes instances only."""
    (detail,) = _post(client, _tree(), "/predict/batch").json()["error"]["details"]
    assert detail["field"] == "instances"


def _raw(address: str, head: str, body: bytes = b"") -> bytes:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: str) -> None:
    """The announced length is enough: the answer comes though not one byte of the body was sent."""
    head = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4194305\r\n\r\n"
    answer = _raw(server, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"The body has 4194305 bytes; the limit is 4194304." in answer


def test_a_body_without_a_length_is_refused_at_the_limit(server: str) -> None:
    """A chunked body is read up to the limit and no further."""
    head = "POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = _raw(server, head, b"10000\r\n" + (b" " * 65536) + b"\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 64)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_put_together(server: str) -> None:
    """A body in several pieces is the same as in one."""
    body = _tree()
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:5], body[5:40], body[40:])) + b"0\r\n\r\n"
    head = "POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    assert f'"prediction":{ANSWER!r}'.encode() in _raw(server, head, pieces)


def test_large_bodies_are_answered_in_slices(client: httpx.Client) -> None:
    """Beyond the plain limit, right rows are answered and wrong ones explained, while others are answered too."""
    rows = [{**TREE, "age": index % 90 + 1} for index in range(1_000)]
    blanks = b" " * PLAIN_BYTES
    right = json.dumps({"instances": rows}).encode() + blanks
    wrong = json.dumps({"instances": [*rows[:-1], {**TREE, "age": 0}]}).encode() + blanks
    hostile = b"{" + b",".join(b'"k%d":1' % index for index in range(300_000)) + b"}"

    def check(index: int) -> None:
        if index % 4 == 0:
            predictions = _post(client, right).json()["predictions"]
            assert predictions == [linear_answer(row, CONTRACT) for row in rows]
        elif index % 4 == 1:
            (detail,) = _post(client, wrong).json()["error"]["details"]
            assert (detail["row"], detail["field"]) == (999, "age")
        elif index % 4 == 2:
            response = _post(client, hostile)
            assert response.status_code == 422
            assert response.json()["error"]["message"].startswith("at least 101 values are wrong")
        else:
            assert _post(client, _tree()).json()["prediction"] == ANSWER

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(40)))


def test_one_requests_error_never_touches_anothers_answer(client: httpx.Client) -> None:
    """Good and bad requests at once: each gets its own answer."""

    def send(index: int) -> bool:
        age = index % 90 + 1
        good = _post(client, _tree(age=age), **{"x-request-id": f"good-{index}"})
        bad = _post(client, _tree(age=-age), **{"x-request-id": f"bad-{index}"})
        right: bool = good.json()["prediction"] == linear_answer({**TREE, "age": age}, CONTRACT)
        explained: bool = bad.json()["error"]["details"][0]["got"] == str(-age)
        own: bool = good.json()["request_id"] == f"good-{index}"
        return right and explained and own

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(send, range(200)))


def test_a_live_and_ready_service_says_so(client: httpx.Client, linear_bundle: str) -> None:
    """The probes and the health page report the same state."""
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    health = client.get("/health").json()
    assert health["status"] == "healthy"
    assert linear_bundle in health["components"]["model"]["message"]


def test_head_answers_without_a_body(client: httpx.Client) -> None:
    """Load balancers that probe by HEAD get the headers of GET."""
    response = client.head("/readyz")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "18"


def test_the_model_is_described(client: httpx.Client) -> None:
    """Name, version, contract, metrics, parity, card, and loudly that the data was synthetic."""
    model = client.get("/model").json()
    assert model["synthetic_data"] is True
    assert model["contract"] == json.loads(CONTRACT.model_dump_json())
    assert model["metrics"] == {"rmse": 1.0}
    assert model["card"].startswith("# Orchard")
    assert model["provenance"]["data_source"] == "synthetic, seed 3"


def test_metrics_count_what_happened(client: httpx.Client) -> None:
    """Requests by route and status, refused values by field, the served model."""

    def value(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    right = 'tabento_requests_total{route="/predict",status="200"}'
    wrong = 'tabento_invalid_values_total{field="age"}'
    before = value(right), value(wrong)
    _post(client, _tree())
    _post(client, _tree(age=0))
    assert (value(right), value(wrong)) == (before[0] + 1, before[1] + 1)
    assert value('tabento_model_info{data="synthetic",model="orchard"') == 1


def test_unknown_fields_do_not_grow_the_metrics(client: httpx.Client) -> None:
    """A client cannot fill memory with label values: what the contract does not know counts as other."""
    _post(client, _tree(**{"surprise-1": 1}))
    text = client.get("/metrics").text
    assert "surprise" not in text
    assert 'field="other"' in text


def test_the_docs_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    """The page, its scripts and its document come from the service itself."""
    page = client.get("/docs").text
    assert "http" not in page.replace("<!DOCTYPE html>", "")
    for path in ("docs.json", "static_content/swagger-ui-bundle.js", "static_content/swagger-ui.css"):
        assert f'"{path}"' in page
        assert client.get(f"/{path}").status_code == 200
    assert client.get("/").text == page


def test_a_caller_that_cannot_wait_is_told_in_time(client: httpx.Client, application: Application) -> None:
    """A deadline that passes before the model runs is 504; one that is not a number is 400."""
    batcher = application.state.started_model().batcher
    batcher.hold(2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_post, client, _tree(), "/predict", **{"x-deadline-ms": "0.001"})
        wait_until(lambda: batcher.queued_rows == 1, "the queue")
        assert _post(client, _tree()).status_code == 200
        late = waiting.result(30)
    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert _post(client, _tree(), **{"x-deadline-ms": "soon"}).status_code == 400


def test_a_slow_body_does_not_use_up_the_promise(server: str, application: Application) -> None:
    """The latency target counts from the arrival of the whole body: the client's time to send it is not included."""
    host, port = server.removeprefix("http://").split(":")
    body = _tree()
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    model = application.state.started_model()
    before = model.slo_s
    model.slo_s = 0.5
    try:
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode() + body[:-1])
            wait_until(lambda: application.metrics.in_flight == 1, "the request to get in")
            started_s = monotonic()
            wait_until(lambda: monotonic() - started_s > 0.6, "more than the promise to pass")
            connection.sendall(body[-1:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        model.slo_s = before
