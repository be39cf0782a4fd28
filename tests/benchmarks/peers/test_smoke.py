"""The smoke test of peers, on the one that needs no environment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.bodies import Body
from benchmarks.peers import smoke
from benchmarks.peers.smoke import Outcome, invalidate, post_json
from tests.bundles import TREE
from tests.servers import running

GOOD = Outcome("elm", "1.0", 0.5, right=20, sent=20, batch="right", wrong_status=422, answer="{}")


def test_all_must_be_right() -> None:
    """A wrong answer, a wrong batch or a wrong request that succeeds fails a peer."""
    assert GOOD.passed
    assert replace(GOOD, batch="-", wrong_status=None).passed
    assert not replace(GOOD, right=19).passed
    assert not replace(GOOD, batch="wrong, 500").passed
    assert not replace(GOOD, wrong_status=200).passed


def test_a_spoilt_request_differs_in_one_field() -> None:
    """The first number becomes a word."""
    (row,) = invalidate(Body([TREE], ["1.0"], ["1.0"])).rows
    assert [name for name in TREE if row[name] != TREE[name]] == ["crown width"]


def test_an_error_is_an_answer() -> None:
    """Status and body are returned for every status."""

    async def refuse(scope: object, receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 422, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    with running(refuse) as address:
        assert post_json(address, "/predict", b"{}") == (422, b"no")


def test_an_unknown_peer_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command lists the peers and ends with 1."""
    monkeypatch.setattr("sys.argv", ["smoke", "elm"])
    assert smoke.main() == 1
    assert "no peer elm; there are tabento" in capsys.readouterr().out
