"""The proof's checks, each on something that must not pass. The proof itself is ``make image PROVE=1`` and tests/image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from deploy.engine import Engine
from deploy.errors import ImageError
from deploy.prove import (
    Proof,
    check_answers,
    check_inside,
    check_metrics,
    check_refusal,
    difference,
    is_ready,
    predictions,
    prove,
)
from tests.deploy.conftest import Programs
from tests.servers import running
from tools.ports import free_port


def test_the_report_of_an_image_about_itself() -> None:
    """An image with its own user and without training packages passes; other output before the report is ignored."""
    assert check_inside("a warning\n[1034, []]") == 1034


@pytest.mark.parametrize(
    ("report", "fault"),
    [
        ("[0, []]", "runs as root"),
        ('[1034, ["pandas"]]', "import pandas"),
        ("no python", "expected a report"),
        ("", "expected a"),
    ],
)
def test_root_or_training_inside_fails(report: str, fault: str) -> None:
    """Each fault is named with the file to check."""
    with pytest.raises(ImageError, match=fault):
        check_inside(report)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ({"predictions": [42.75, 1e6]}, {"predictions": [42.75, 1e6 * (1 + 1e-12)]}),
        ({"predictions": ["a"], "model": "x"}, {"predictions": ["a"], "model": "y", "request_id": "7", "version": "v"}),
        ({"probabilities": [{"a": 0.25}], "set": None}, {"probabilities": [{"a": 0.25 + 1e-13}], "set": None}),
        ({"prediction": 1.0}, {"prediction": 1}),
    ],
)
def test_answers_agree_within_the_tolerance(expected: dict[str, Any], answer: dict[str, Any]) -> None:
    """A difference in the last digits is another processor's rounding; request and version are not compared."""
    check_answers("orchard:v1", expected, answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"predictions": [1.0]}, "predictions: expected 2 values, got 1"),
        ({"predictions": [1.0, 2.1]}, r"predictions\[1\]: expected 2.0, got 2.1"),
        ({"predictions": [1.0, "2.0"]}, r"predictions\[1\]: expected 2.0, got '2.0'"),
        ({"predictions": 2.0}, r"predictions: expected \[1.0, 2.0\], got 2.0"),
        ({"error": {"code": "x"}}, "expected the fields"),
    ],
)
def test_other_answers_fail(answer: dict[str, Any], words: str) -> None:
    """Too few, wrong or no predictions: the message has the place, expected and got."""
    with pytest.raises(ImageError, match=f"orchard:v1: the image answers otherwise .*{words}"):
        check_answers("orchard:v1", {"predictions": [1.0, 2.0]}, answer)


def test_labels_are_compared_as_they_are() -> None:
    """A text, a boolean and a missing value have no tolerance."""
    assert difference({"prediction": "good"}, {"prediction": "poor"}) == "prediction: expected 'good', got 'poor'"
    assert difference([True, None], [True, None]) is None


def test_metrics_must_count_the_predictions() -> None:
    """The rows of all models are added up."""
    page = 'tabento_model_rows_total{model="a"} 3.0\ntabento_model_rows_total{model="b"} 2.0\nother 7\n'
    check_metrics(page, 5)
    with pytest.raises(ImageError, match="expected 6 predictions in /metrics of the image, got 5"):
        check_metrics(page, 6)


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server whose paths are the status and the text of their answers."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["text"], request.path_params["status"])

    routes = [Route("/{status:int}/{text:path}", answer, methods=["GET", "POST"])]
    with running(Starlette(routes=routes)) as address:
        yield address


def test_only_an_object_with_status_200_is_an_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each other response is an error with the status or the text."""
    monkeypatch.setattr("deploy.prove.BUSY_DEADLINE_S", 0.0)
    assert predictions(f"{address}/200/{json.dumps({})}", b"{}", "key") == {}
    for path, words in (
        ("503/busy", "status 503: busy"),
        ("200/busy", "expected JSON"),
        ("200/7", "expected an object"),
    ):
        with pytest.raises(ImageError, match=words):
            predictions(f"{address}/{path}", b"{}", "key")
    with pytest.raises(ImageError, match="expected a response"):
        predictions(f"http://127.0.0.1:{free_port()}/", b"{}", "key")


def test_a_refusal_for_load_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy computer makes a service refuse requests for a moment, which is no fault of the image."""
    monkeypatch.setattr("deploy.prove.BUSY_WAIT_S", 0.01)
    statuses = iter([503, 503, 200])

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("{}", next(statuses))

    with running(Starlette(routes=[Route("/predict", answer, methods=["POST"])])) as address:
        assert predictions(f"{address}/predict", b"{}", "key") == {}
    assert not list(statuses)


def test_a_request_without_a_key_must_be_refused(address: str) -> None:
    """Every status but 401 is an error."""
    check_refusal(f"{address}/401", b"{}")
    with pytest.raises(ImageError, match="expected status 401 without an API key, got 200"):
        check_refusal(f"{address}/200", b"{}")


def test_a_service_is_ready_with_200_only(address: str) -> None:
    """Neither another status nor a closed port is readiness."""
    assert is_ready(f"{address}/200")
    assert not is_ready(f"{address}/503")
    assert not is_ready(f"http://127.0.0.1:{free_port()}")


def _bento(*tags: str) -> Any:
    return SimpleNamespace(tag="tabento:x", info=SimpleNamespace(all_models=[SimpleNamespace(tag=tag) for tag in tags]))


def test_a_container_that_ends_at_once_fails_with_its_log(programs: Programs, linear_bundle: str) -> None:
    """The error has the end of the log, and the container is removed."""
    programs.add("docker", 'case "$*" in run*) echo "no such model"; exit 1 ;; esac')
    with pytest.raises(ImageError, match=r"ended with status 1 before it was ready.*\n.*no such model"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento(linear_bundle)))
    assert programs.calls()[-1].startswith("docker rm --force tabento-proof-")


def test_a_bento_without_a_stored_bundle_cannot_be_proved() -> None:
    """The expected answers come from the bundles, so the store must still have each of them."""
    with pytest.raises(ImageError, match="expected a bundle in"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento()))
    with pytest.raises(ImageError, match="make train MODEL=nothing"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento("nothing:v1")))


def test_a_proof_reads_as_a_sentence() -> None:
    """The printed text has the user, the times, the models and the rows."""
    text = str(Proof(user=1034, ready_s=1.62, models=("a:v1", "b:v2"), rows=2, stop_s=0.6))
    assert text.startswith("runs as user 1034 with a read-only root, without sklearn, pandas")
    assert "2 predictions of a:v1, b:v2 as here, none without a key" in text
    assert text.endswith("ended 0.6 s after SIGTERM with status 0")
