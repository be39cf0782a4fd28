"""The fairness benchmark counts its answers, and sends the described requests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks import fairness
from benchmarks.fairness import Answers, Case, Client, cases, main, measure, table
from benchmarks.process import RunningServer
from serving.codec.decode import Decoder
from serving.errors import InvalidError
from tabento.bundle.store import read_bundle
from tests.benchmarks.tiny_server import answering, reply
from tests.bundles import write_bundle


def test_shares_are_of_all_requests() -> None:
    """A 503 is refused, a slow answer is late, and the p99 is over the answers."""
    answers, other = Answers(), Answers()
    for status, seconds in ((200, 0.001), (200, 0.020), (503, 0.001)):
        answers.add(status, seconds)
    other.add(503, 0.001)
    answers.include(other)
    summary = answers.summary(0.010)
    assert summary["statuses"] == {"200": 2, "503": 2}
    assert (summary["refused_share"], summary["late_share"]) == (0.5, 0.25)
    assert summary["p99_ms"] == pytest.approx(19.81, abs=0.01)
    assert Answers().summary(0.010)["refused_share"] is None


def test_a_client_sends_whole_requests_on_one_connection() -> None:
    """Each answer is counted by its status."""
    with answering(lambda request: [reply("{}", 200 if request.content["x"] else 503)]) as address:
        client = Client(address)
        for value in (1, 0, 1):
            client.post(json.dumps({"x": value}).encode())
        client.close()
    assert client.answers.statuses == {200: 2, 503: 1}


def test_the_neighbors_requests_are_what_the_cases_say(tmp_path: Path) -> None:
    """A thousand rows, twenty of which one is invalid, and 256, all from the model's examples."""
    bundle = read_bundle(write_bundle(tmp_path / "b"), "orchard:1")
    decoder = Decoder(bundle.contract, 1_000)
    many_rows, invalid, behind = cases(bundle)
    assert (many_rows.behind, invalid.behind, behind.behind) == (False, False, True)
    assert decoder.decode(many_rows.neighbor).count == 1_000
    assert decoder.decode(behind.neighbor).count == 256
    with pytest.raises(InvalidError) as error:
        decoder.decode(invalid.neighbor)
    assert {detail.row for detail in error.value.details} == {10}


@pytest.mark.parametrize("behind", [False, True], ids=["closed loop", "pairs"])
def test_both_clients_are_counted_apart(behind: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses the neighbor only has a good client without a refusal."""
    monkeypatch.setattr(fairness, "WARM_UP_S", 0.05)
    with answering(lambda request: [reply("{}", 503 if request.content["neighbor"] else 200)]) as address:
        case = Case("any", b'{"neighbor": true}', 1 if behind else 2, behind)
        result = measure(RunningServer(address, os.getpid(), 0.0), case, b'{"neighbor": false}', 10.0, 0.2)
    assert result["good"]["sent"] > 0
    assert result["good"]["refused_share"] == result["good"]["late_share"] == 0.0
    assert result["neighbor"]["refused_share"] == 1.0
    assert "100.0%" in table([{"model": "orchard", **result}])


def test_a_model_that_is_not_stored_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with a failing status."""
    monkeypatch.setattr("sys.argv", ["fairness", "--models", "no_such_model"])
    assert main() == 1
    assert "no_such_model" in capsys.readouterr().err
