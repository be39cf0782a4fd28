"""The command `make stack`: ports, the table of addresses, and errors before a program starts."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from deploy.errors import StackError
from deploy.stack import __main__ as command
from deploy.stack import running
from deploy.stack.parts import StackPlan
from deploy.stack.process import StackPart
from deploy.stack.running import RunningStack


def test_a_taken_port_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part gets its preferred port if it is free, and another one if it is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as closed:
        taken_port, free = listener.getsockname()[1], closed.getsockname()[1]
        closed.close()
        monkeypatch.setattr(command, "PORTS", {"haproxy": taken_port, "redis": free})
        ports = command.choose_ports(is_free_choice=False)
        assert ports["redis"] == free
        assert ports["haproxy"] != taken_port
        assert command.choose_ports(is_free_choice=True)["redis"] != taken_port


def test_the_table_names_addresses_and_missing_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each running part has a line with its address; each part without a package has a line with the reason."""
    part = StackPart("haproxy", ("true",), lambda: True, "http://127.0.0.1:8080", "predictions")
    monkeypatch.setattr(running, "start_groups", lambda _plan: [[part]])
    stack = RunningStack(StackPlan(tmp_path, {}, {}, "orchard:v1", tmp_path), threading.Event(), lambda _line: None)
    stack.start()
    stack.stop()
    lines = command.address_table(stack).splitlines()
    assert lines[0].split() == ["haproxy", "http://127.0.0.1:8080", "predictions"]
    assert [line.split()[2] for line in lines[1:]] == ["grafana.", "collector."]


def test_a_model_that_is_not_stored_is_an_error(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the bundle nothing starts, the status is 1 and the message is a sentence."""
    assert command.main(["--model", "absent"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_an_interrupted_start_ends_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the stack is interrupted while a part is not ready, no later part starts, and the started ones end."""
    interrupted = threading.Event()

    def is_ready() -> bool:
        """Interrupt the stack; the part is never ready."""
        interrupted.set()
        return False

    waiting_part = StackPart("redis", (sys.executable, "-c", "import signal; signal.pause()"), is_ready, "", "")
    later_part = StackPart("haproxy", ("/no/such/program",), is_ready, "", "")
    monkeypatch.setattr(running, "start_groups", lambda _plan: [[waiting_part], [later_part]])
    stack = RunningStack(StackPlan(tmp_path, {}, {}, "orchard:v1", tmp_path), interrupted, lambda _line: None)
    stack.start()
    stack.stop()
    assert [(part.part.name, part.status) for part in stack.parts] == [("redis", -signal.SIGTERM)]


def test_a_part_that_cannot_start_leaves_none_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second program of a group does not exist, the first one is ended."""
    first_part = StackPart("redis", (sys.executable, "-c", "import signal; signal.pause()"), lambda: False, "", "")
    missing_part = StackPart("postgres", ("/no/such/program",), lambda: False, "", "")
    monkeypatch.setattr(running, "start_groups", lambda _plan: [[first_part, missing_part]])
    stack = RunningStack(StackPlan(tmp_path, {}, {}, "orchard:v1", tmp_path), threading.Event(), lambda _line: None)
    with pytest.raises(StackError, match="postgres: cannot run"):
        stack.start()
    stack.stop()
    assert [(part.part.name, part.status) for part in stack.parts] == [("redis", -signal.SIGTERM)]


def test_a_folder_has_one_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second stack in the same folder is refused before it changes a file, and a later one is accepted."""
    monkeypatch.setattr(running, "prepare", lambda _plan, _url: None)
    monkeypatch.setattr(running, "start_groups", lambda _plan: [])
    plan = StackPlan(tmp_path / "stack", {}, {}, "orchard:v1", tmp_path)

    def run() -> AbstractContextManager[RunningStack]:
        """Return a stack without parts."""
        return running.running_stack(plan, "", threading.Event(), lambda _line: None)

    with run(), pytest.raises(StackError, match=r"another stack runs in .*stack"), run():
        pass
    with run():
        pass


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The message names the folder and the option."""
    (tmp_path / "stack").write_text("")
    plan = StackPlan(tmp_path / "stack", {}, {}, "orchard:v1", tmp_path)
    stack = running.running_stack(plan, "", threading.Event(), lambda _line: None)
    with pytest.raises(StackError, match=r"stack cannot be written: .*--folder"), stack:
        pass
