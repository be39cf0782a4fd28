"""At SIGTERM a process answers what it has, and ends within its bound, whatever clients do."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serving.application import Application
from serving.http import Receive, Scope, Send
from serving.operations.drain import LAST_RESORT_STATUS, Drain, drain_on_sigterm
from serving.operations.worker_link import WorkerLink
from serving.settings import ServingSettings
from tests.serving.fastpath.raw_client import application_of

SETTINGS = ServingSettings(drain_s=0.0, drain_limit_s=0.05)


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    return None


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the handler of SIGTERM back after the test, and let no last resort end the tests."""
    monkeypatch.setattr("serving.operations.drain.LAST_RESORT_S", 24 * 3600.0)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class _Stuck:
    """A connection that is told to close."""

    def __init__(self) -> None:
        self.aborted = 0

    def check(self, now: float) -> None:
        return None

    def reading_since(self) -> float | None:
        return None

    def end_slow(self) -> None:
        return None

    def abort(self) -> None:
        self.aborted += 1


def test_an_idle_service_ends_after_its_drain(handler: None) -> None:
    """An idle service calls uvicorn's own handler once, with the signal."""
    calls: list[int] = []

    async def run() -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: calls.append(number))
        drain_on_sigterm(Application(_inner, SETTINGS), asyncio.get_running_loop(), SETTINGS)
        signal.raise_signal(signal.SIGTERM)
        while not calls:
            await asyncio.sleep(0)

    asyncio.run(run())
    assert calls == [signal.SIGTERM]


def test_a_request_that_is_never_answered_does_not_hold_the_end_up(
    handler: None, caplog: pytest.LogCaptureFixture
) -> None:
    """After the limit every connection is closed, and the process ends."""
    calls: list[int] = []
    stuck = _Stuck()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        application = Application(_inner, SETTINGS)
        application.metrics.in_flight = 1
        application.table.add(stuck, loop)
        Drain(application, loop, SETTINGS, lambda number, frame: calls.append(number)).on_signal(signal.SIGTERM, None)
        while stuck.aborted < 2:  # those that came since are closed again
            await asyncio.sleep(0)
        application.table.remove(stuck)

    asyncio.run(run())
    assert calls == [signal.SIGTERM]
    assert "1 connections were closed because the time for draining is over" in caplog.text


def test_a_second_signal_ends_at_once(handler: None) -> None:
    """A second SIGTERM ends the process without waiting for the requests in flight."""
    calls: list[int] = []
    settings = ServingSettings(drain_s=600.0)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        application = Application(_inner, settings)
        application.metrics.in_flight = 1
        drain = Drain(application, loop, settings, lambda number, frame: calls.append(number))
        drain.on_signal(signal.SIGTERM, None)
        signal.raise_signal(signal.SIGTERM)
        while not calls:
            await asyncio.sleep(0)

    asyncio.run(run())
    assert calls == [signal.SIGTERM]


def test_a_loop_that_is_stuck_is_ended_from_a_thread(
    handler: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing in the process can keep it: the last resort asks nobody."""
    statuses: list[int] = []
    done = threading.Event()

    def end(status: int) -> None:
        statuses.append(status)
        done.set()

    monkeypatch.setattr("serving.operations.drain.LAST_RESORT_S", 0.0)
    loop = asyncio.new_event_loop()  # it never runs
    Drain(Application(_inner, SETTINGS), loop, SETTINGS, signal.SIG_DFL, end).on_signal(signal.SIGTERM, None)
    assert done.wait(60)
    loop.close()
    assert statuses == [LAST_RESORT_STATUS]
    assert "did not end in time" in capsys.readouterr().err


def test_the_bound_is_in_the_log(handler: None, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """So that whoever sets an orchestrator's grace period finds it there."""
    settings = ServingSettings(drain_s=2.0, drain_limit_s=30.0)
    caplog.set_level("INFO")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        Drain(application_of(tmp_path, settings), loop, settings, None)._begin()

    asyncio.run(run())
    assert "the process ends within 86432 s" in caplog.text


def test_the_supervisor_is_told_that_the_port_closes(handler: None) -> None:
    """Once uvicorn accepts no more, so that no connection is taken and then reset; a supervisor that is gone is no error."""
    worker_end, supervisors = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    calls: list[int] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        application = Application(_inner, SETTINGS)
        application.metrics.link = WorkerLink(worker_end)
        Drain(application, loop, SETTINGS, uvicorns.handle_exit)._end()

    class Listener:
        closed = 0
        sockets = ()

        def close(self) -> None:
            self.closed += 1

    class Uvicorn:
        servers = (Listener(),)
        server_state = SimpleNamespace(connections=())

        def handle_exit(self, number: int, frame: object) -> None:
            assert self.servers[0].closed == len(calls) + 1
            calls.append(number)

    uvicorns = Uvicorn()
    with worker_end:
        with supervisors:
            asyncio.run(run())
            assert b"WorkerLeaving" in supervisors.recv(1 << 16)
        asyncio.run(run())
    assert calls == [signal.SIGTERM] * 2


def test_only_the_main_thread_gets_signals(handler: None) -> None:
    """Outside the main thread no handler of signals is installed."""
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=drain_on_sigterm, args=(Application(_inner, SETTINGS), loop, SETTINGS))
    thread.start()
    thread.join()
    loop.close()
    assert signal.getsignal(signal.SIGTERM) is before


class _Uvicorn:
    """uvicorn's server as far as a drain uses it: its listening sockets, its connections, and its handler of the signal."""

    def __init__(self, server: asyncio.Server, connections: list[Any]) -> None:
        self.servers = (server,)
        self.server_state = SimpleNamespace(connections=connections)
        self.signals: list[int] = []

    def handle_exit(self, number: int, frame: object) -> None:
        """Note the signal."""
        self.signals.append(number)


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"accepted")
    writer.close()


def test_a_service_answers_until_the_time_of_its_drain_is_over(handler: None, tmp_path: Path) -> None:
    """For ``drain_s`` the service is not ready and still answers; then it refuses, and uvicorn gets its signal."""
    states: list[tuple[bool, bool]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        settings = ServingSettings(drain_s=0.02)
        application = application_of(tmp_path, settings)
        state = application.state
        server = await asyncio.start_server(_accept, "127.0.0.1", 0)
        uvicorns = _Uvicorn(
            server, [SimpleNamespace(shutdown=lambda: states.append((state.is_leaving, state.is_draining)))]
        )
        Drain(application, loop, settings, uvicorns.handle_exit).on_signal(signal.SIGTERM, None)
        while not state.is_draining:
            states.append((state.is_leaving, state.is_draining))
            await asyncio.sleep(0)
        while not uvicorns.signals:
            await asyncio.sleep(0)

    asyncio.run(run())
    assert list(dict.fromkeys(states)) == [(False, False), (True, False)]


def test_the_port_refuses_connections_that_no_process_would_accept(handler: None, tmp_path: Path) -> None:
    """Connections that wait at the port are accepted before it closes; then it refuses, also if the supervisor has the socket open."""
    received: list[bytes] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        settings = ServingSettings(drain_s=0.0)
        server = await asyncio.start_server(_accept, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        with socket.socket(fileno=os.dup(server.sockets[0].fileno())):
            uvicorns = _Uvicorn(server, [])
            drain = Drain(application_of(tmp_path, settings), loop, settings, uvicorns.handle_exit)
            with socket.create_connection(address) as client:  # the loop has not accepted it yet
                drain._end_intake(20)
                client.setblocking(False)
                received.append(await asyncio.wait_for(loop.sock_recv(client, 100), 30))
            while not uvicorns.signals:
                await asyncio.sleep(0)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address).close()

    asyncio.run(run())
    assert received == [b"accepted"]
