"""The supervisor's thread: who lives, what they counted together, when the port refuses, when the service ends."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from _bentoml_impl.server.serving import API_SERVER_NAME
from circus.sighandler import SysHandler
from circus.sockets import CircusSocket

from monitoring.snapshots import Snapshot
from serving.operations.metrics import Metrics, exposition
from serving.operations.supervisor import REPEAT_S, StartError, Supervisor, guard_next_port, repeat_quit, supervise
from serving.operations.worker_link import ADDRESS_VARIABLE, WorkerLink, connect
from tests.servers import wait_until

ROOT = Path(__file__).parents[3]

_WORKER = """
import asyncio, os, sys
from serving.operations import worker_link
from serving.operations.metrics import Metrics
from serving.operations.worker_link import connect
worker_link.ANSWER_S = 60.0  # a busy machine is no failure
metrics = Metrics()
metrics.link = connect()
def count(number):
    metrics.over_slo = metrics.in_flight = int(number)
    metrics.sync()
def scrape(_):
    return asyncio.run(metrics.collect()).decode().replace(chr(10), "|")
def fail(reason):
    metrics.link.fail(reason)
def leave(_):
    metrics.link.leave()
def junk(_):
    metrics.link._socket.send(b"junk")
def exit(code):
    os._exit(int(code))
print("connected" if metrics.link else "alone", flush=True)
for line in sys.stdin:
    name, _, argument = line.strip().partition(" ")
    print(globals()[name](argument), flush=True)
"""
"""A worker without a service: it does what it is told by lines on its standard input."""


class Worker:
    """A child process that is connected to the supervisor."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.greeting = self._line()

    def tell(self, command: str) -> str:
        """Give an order and return its result."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._line()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the worker by a signal, and leave it to be collected by whoever started it."""
        self.process.send_signal(number)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def _worker() -> Iterator[Worker]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Worker(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue


@pytest.fixture
def end_calls() -> list[int]:
    """How often the supervisor asked for the end of the process."""
    return []


@pytest.fixture
def supervisor(end_calls: list[int], monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """A running supervisor in this process, which children find in their environment."""
    new_supervisor = Supervisor(end=lambda: end_calls.append(1))
    monkeypatch.setenv(ADDRESS_VARIABLE, new_supervisor.address)
    new_supervisor.start()
    return new_supervisor


@pytest.fixture
def start(supervisor: Supervisor) -> Iterator[Callable[[], Worker]]:
    """Start a worker; all of them end with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_worker())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket, as circus opens it for workers to inherit."""
    with socket.create_server(("127.0.0.1", 0)) as open_listener:
        port = open_listener.getsockname()[1]
    # The port is bound on purpose, not chosen by the kernel: only such a one is kept when the socket stops listening.
    with socket.create_server(("127.0.0.1", port)) as open_listener:
        yield open_listener


def _is_refused(listener: socket.socket) -> bool:
    try:
        socket.create_connection(listener.getsockname(), timeout=10).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: refused while it waited
        return True
    return False


def test_a_scrape_of_any_worker_shows_all(start: Callable[[], Worker]) -> None:
    """Whichever worker is asked, counters are the sum of all, and gauges of those that live."""
    first, second = start(), start()
    first.tell("count 2")
    second.tell("count 3")
    for worker in (first, second, first):
        text = worker.tell("scrape")
        assert "|tabento_slo_missed_total 5.0|" in text
        assert "|tabento_in_flight_requests 5.0|" in text


def test_counters_survive_a_killed_worker_and_its_gauges_do_not(start: Callable[[], Worker]) -> None:
    """A worker that gets no chance to say goodbye leaves its counts, and nothing in flight."""
    first, second = start(), start()
    first.tell("count 2")
    second.tell("count 3")
    first.kill()
    first.process.wait()
    text = second.tell("scrape")
    assert "|tabento_slo_missed_total 5.0|" in text
    assert "|tabento_in_flight_requests 3.0|" in text
    third = start()
    third.tell("count 10")
    assert "|tabento_slo_missed_total 15.0|" in second.tell("scrape")


def test_counters_never_go_back_from_scrape_to_scrape(start: Callable[[], Worker]) -> None:
    """What one worker has shown, the next scrape of another contains."""
    workers, shown_text = [start(), start(), start()], 0.0
    for turn in range(30):
        worker = workers[turn % 3]
        worker.tell(f"count {turn}")
        text = worker.tell("scrape")
        (value,) = (float(line.split()[1]) for line in text.split("|") if line.startswith("tabento_slo_missed_total "))
        assert value >= shown_text
        shown_text = value


def test_a_worker_that_cannot_start_ends_the_service(
    supervisor: Supervisor, start: Callable[[], Worker], end_calls: list[int]
) -> None:
    """The reason becomes one line, and the end is asked for."""
    start().tell("fail the bundle is broken, train it again")
    wait_until(lambda: bool(end_calls), "the end")
    assert supervisor.failure == "the bundle is broken, train it again"


def test_a_worker_that_cannot_start_ends_nobody_who_answers(
    supervisor: Supervisor, start: Callable[[], Worker], end_calls: list[int], listener: socket.socket
) -> None:
    """While another worker listens, a failed restart of one is a line in the log."""
    supervisor.guard(listener)
    healthy = start()
    listener.listen()
    start().tell("fail no memory")
    assert "tabento_slo_missed_total" in healthy.tell("scrape")
    assert supervisor.failure is None
    assert not end_calls


@pytest.mark.parametrize(
    ("order", "reason"),
    [("exit 3", "ended with code 3"), ("exit 0", "ended with code 0"), (None, "was killed by SIGKILL")],
)
def test_a_worker_that_ends_before_it_listens_ends_the_service(
    supervisor: Supervisor,
    start: Callable[[], Worker],
    end_calls: list[int],
    listener: socket.socket,
    order: str | None,
    reason: str,
) -> None:
    """A crash at the start, which would come again and again, is told with the way in which the worker ended."""
    supervisor.guard(listener)
    worker = start()
    if order is None:
        worker.kill()
    else:
        worker.tell(order)
    wait_until(lambda: bool(end_calls), "the end")
    assert supervisor.failure is not None
    assert f"worker {worker.process.pid} {reason} before it could answer" in supervisor.failure


def test_a_start_that_is_stopped_is_no_failure(
    supervisor: Supervisor, start: Callable[[], Worker], end_calls: list[int], listener: socket.socket
) -> None:
    """SIGTERM during the start ends the worker, as somebody wanted."""
    supervisor.guard(listener)
    worker, other = start(), start()
    worker.kill(signal.SIGTERM)
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)
    other.kill(signal.SIGTERM)
    os.waitid(os.P_PID, other.process.pid, os.WEXITED | os.WNOWAIT)
    another = start()
    assert "tabento_slo_missed_total" in another.tell("scrape")
    assert supervisor.failure is None
    assert not end_calls


def test_the_port_refuses_while_nobody_listens(
    supervisor: Supervisor, start: Callable[[], Worker], listener: socket.socket, end_calls: list[int]
) -> None:
    """Before the first worker listens and after the last has ended, connections are refused, also those that waited."""
    supervisor.guard(listener)
    assert _is_refused(listener)
    first, second = start(), start()
    listener.listen()
    first.kill()
    second.tell("scrape")
    assert not _is_refused(listener)
    with socket.create_connection(listener.getsockname(), timeout=10) as waiting:
        second.kill()
        wait_until(lambda: _is_refused(listener), "the port to refuse")
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    third = start()
    listener.listen()
    assert not _is_refused(listener)
    third.tell("leave")
    wait_until(lambda: _is_refused(listener), "the port to refuse what nobody would take")
    assert not end_calls


def test_messages_of_others_are_not_taken(supervisor: Supervisor, start: Callable[[], Worker]) -> None:
    """A process that is not a child is disconnected; data that is not a message is dropped."""
    _, _, name = supervisor.address.partition(":")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(f"\0{name}")
        stranger.settimeout(10)
        assert stranger.recv(1) == b""
    worker = start()
    worker.tell("junk")
    worker.tell("count 1")
    assert "|tabento_slo_missed_total 1.0|" in worker.tell("scrape")


def test_a_process_whose_parent_is_no_supervisor_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service under a plain ASGI server, or a child of a worker, has no supervisor."""
    monkeypatch.setenv(ADDRESS_VARIABLE, "1:tabento-elsewhere")
    with _worker() as worker:
        assert worker.greeting == "alone"
    monkeypatch.setenv(ADDRESS_VARIABLE, f"{os.getpid()}:tabento-gone")
    with _worker() as worker:
        assert worker.greeting == "alone"
    monkeypatch.delenv(ADDRESS_VARIABLE)
    assert connect() is None


def test_a_supervisor_that_does_not_answer_costs_the_scrape_its_sum_only() -> None:
    """A late answer is not taken for the answer to the next question."""
    worker_end, supervisor_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with worker_end, supervisor_end:
        metrics = Metrics()
        metrics.over_slo = 4
        metrics.link = WorkerLink(worker_end)
        assert b"tabento_slo_missed_total 4.0" in asyncio.run(metrics.collect())
        assert metrics.fault is not None


def test_the_names_inside_circus_are_still_there() -> None:
    """Pins what is replaced for one port: the method that opens it, and the name that BentoML gives its socket."""
    original = CircusSocket.bind_and_listen
    guarded: list[socket.socket] = []
    guard_next_port(guarded.append)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    open_listener = CircusSocket(name=API_SERVER_NAME, host="127.0.0.1", port=port)
    other = CircusSocket(name="another", host="127.0.0.1", port=0)
    with open_listener, other:
        other.bind_and_listen()
        assert guarded == []
        open_listener.bind_and_listen()
        assert guarded == [open_listener]
    assert CircusSocket.bind_and_listen is original


def test_circus_is_asked_to_end_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Circus ignores a signal while it starts workers, so each request to end is followed by another one."""
    n_quits = 0
    delayed: list[tuple[float, Callable[[], object]]] = []

    class Loop:
        def add_callback_from_signal(self, function: Callable[..., object], *arguments: object) -> None:
            function(*arguments)

        def call_later(self, delay_s: float, function: Callable[[], object]) -> None:
            delayed.append((delay_s, function))

    def quit_once(_: object) -> None:
        nonlocal n_quits
        n_quits += 1

    monkeypatch.setattr(SysHandler, "quit", quit_once)
    repeat_quit()
    handler = SimpleNamespace(controller=SimpleNamespace(loop=Loop()))
    SysHandler.quit(handler)
    assert n_quits == 1
    for number in (2, 3):
        ((delay_s, next_quit),) = delayed
        delayed.clear()
        assert delay_s == REPEAT_S
        next_quit()
        assert n_quits == number


def test_a_taken_port_is_an_error_that_says_which() -> None:
    """The message names port and address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        guard_next_port(lambda _: None)
        with (
            CircusSocket(name=API_SERVER_NAME, host="127.0.0.1", port=port) as open_listener,
            pytest.raises(StartError, match=rf"port {port} of 127\.0\.0\.1 is in use: .*--port") as error,
        ):
            open_listener.bind_and_listen()
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno == errno.EADDRINUSE


def test_a_refused_address_is_not_opened() -> None:
    """The port of an address that the rule refuses stays closed, and the message of the rule is the error."""
    original = CircusSocket.bind_and_listen
    guarded: list[socket.socket] = []
    guard_next_port(guarded.append, lambda host: f"no keys for {host}")
    with (
        CircusSocket(name=API_SERVER_NAME, host="0.0.0.0", port=0) as open_listener,
        pytest.raises(StartError, match=r"no keys for 0\.0\.0\.0"),
    ):
        open_listener.bind_and_listen()
    assert guarded == []
    assert CircusSocket.bind_and_listen is original


def test_a_failed_check_prepares_nothing() -> None:
    """Where the service cannot be served, the error goes to who starts it, and no thread is left."""
    before = set(threading.enumerate())

    def check() -> None:
        raise StartError("no such bundle")

    with pytest.raises(StartError, match="no such bundle"):
        supervise(check, lambda _: None)
    assert set(threading.enumerate()) == before
    assert ADDRESS_VARIABLE not in os.environ


def test_an_empty_sum_can_be_shown() -> None:
    """The supervisor's sum has the form of a worker's own numbers."""
    assert b"tabento_slo_missed_total 0.0" in exposition(Snapshot())
