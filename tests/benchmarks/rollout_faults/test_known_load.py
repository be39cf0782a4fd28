"""The load of known rows: it knows a wrong answer, a version that was not live, and a request that failed."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from benchmarks.rollout_faults.known_load import KnownLoad, LiveVersions
from benchmarks.rollout_faults.versions import CONTRACT, SCALES
from tests.bundles import linear_answer
from tests.servers import wait_until

INFINITY = float("inf")


class DishonestService(BaseHTTPRequestHandler):
    """Answers in turn: rightly, with the number of another version, by a version that is not live, and not at all."""

    turn = 0

    def do_POST(self) -> None:
        """Answer one request."""
        row = json.loads(self.rfile.read(int(self.headers["content-length"])))
        turn = type(self).turn
        type(self).turn += 1
        version = "v2" if turn % 4 == 2 else "v1"
        scale = SCALES["v3" if turn % 4 == 1 else version]
        content = json.dumps({"version": version, "prediction": scale * linear_answer(row, CONTRACT)}).encode()
        self.send_response(500 if turn % 4 == 3 else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write no log."""


def test_every_dishonest_answer_is_noticed() -> None:
    """A wrong number, a foreign version and an error are kept apart; the right answers are not among them."""
    with ThreadingHTTPServer(("127.0.0.1", 0), DishonestService) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        load = KnownLoad(f"http://127.0.0.1:{server.server_port}", LiveVersions("v1"))
        try:
            with load.running():
                wait_until(lambda: load.count() >= 9, "nine answers")
        finally:
            server.shutdown()
            thread.join()
    n_turns = DishonestService.turn
    assert load.count() == n_turns - load.failures_before()["500"]
    assert len(load.wrong) == len([turn for turn in range(n_turns) if turn % 4 == 1])
    assert {version for version, _, _ in load.foreign_answers()} == {"v2"}
    assert load.versions()["v2"] == len(load.foreign_answers())


def test_a_version_may_answer_while_it_is_live() -> None:
    """A request may be answered by a version that was live at some time between request and answer."""
    live = LiveVersions("v1")
    live.spans = {"v1": [(0.0, 1.0), (3.0, INFINITY)], "v2": [(1.0, 3.0)]}
    assert live.may_answer("v1", -1.0, 0.5)
    assert live.may_answer("v1", 0.5, 9.0)
    assert live.may_answer("v1", 4.0, 5.0)
    assert not live.may_answer("v1", 1.5, 2.5)
    assert not live.may_answer("v2", 3.5, 4.0)
    assert not live.may_answer("broken", 0.0, INFINITY)


def test_a_swap_ends_the_span_of_the_former_version() -> None:
    """After a swap the former version may answer no request that is sent later, until it is wanted again."""
    live = LiveVersions("v1")
    live.allow("v2")
    live.allow_only("v2")
    assert not live.may_answer("v1", time.monotonic() + 1, INFINITY)
    assert live.may_answer("v2", time.monotonic() + 1, INFINITY)
    live.allow("v1")
    assert live.may_answer("v1", time.monotonic() + 1, INFINITY)
    assert len(live.spans["v1"]) == 2


def test_errors_after_the_end_are_the_services_right() -> None:
    """503 and closed connections after SIGTERM are not failures, any other status is."""
    load = KnownLoad("http://127.0.0.1:1", LiveVersions("v1"))
    for reason in ("503", "ConnectionResetError", "500"):
        load._keep_failure(reason)
    ended_s = 0.0
    assert load.failures_before(ended_s) == {"500": 1}
    assert load.failures_before().total() == load.failures_before(INFINITY).total() == 3
