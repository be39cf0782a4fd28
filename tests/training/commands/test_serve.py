"""``tabento serve``: what is refused before the work, and which server is started."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import training
from tests.conftest import ORCHARD
from tools import ports
from training.__main__ import main
from training.commands.serve import address, serve_command
from training.stages import stored_model


class StartedError(Exception):
    """Stands for the server that would have taken the place of this process."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command of the server, once it was started."""
    command: list[str] = []

    def start(program: str, arguments: list[str]) -> None:
        command.extend(arguments)
        raise StartedError(program)

    monkeypatch.setattr(os, "execv", start)
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "True")
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    return command


@pytest.fixture
def free_port() -> int:
    """A port on which no process listens."""
    return ports.free_port()


def test_stored_model_is_served(
    linear_bundle: str, started: list[str], free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tag of the store leads to BentoML's server with this tag, at this port."""
    with pytest.raises(StartedError):
        main(["serve", linear_bundle, "--port", str(free_port)])
    assert started == serve_command(linear_bundle, "127.0.0.1", free_port)
    assert f"Serving {linear_bundle} at http://127.0.0.1:{free_port} " in capsys.readouterr().out


def test_config_is_trained_first(started: list[str], free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a config the server gets the tag that `ensure` returns."""
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: "orchard:abc")
    with pytest.raises(StartedError):
        main(["serve", "--config", str(ORCHARD), "--no-download", "--port", str(free_port)])
    assert "model=orchard:abc" in started


def test_taken_port_is_told_before_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is trained for a port that is taken; that and a shut folder are told together."""
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: pytest.fail("the work began"))
    monkeypatch.setenv("TABENTO_TRAINING_ARTIFACTS_FOLDER", "/proc/none")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        assert main(["serve", "--config", str(ORCHARD), "--no-download", "--port", port]) == 1
        first, *lines = capsys.readouterr().err.splitlines()
        assert first == "error: 2 things have to be put right before this can begin:"
        assert f"Port {port} of 127.0.0.1 is taken" in lines[0]
        assert main(["serve", "orchard", "--port", port]) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in capsys.readouterr().err


def test_missing_keys_are_told_before_the_work(
    started: list[str], free_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is trained for an address of other computers if the service has no keys and would not start."""
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: pytest.fail("the work began"))
    words = ["serve", "--config", str(ORCHARD), "--no-download", "--host", "0.0.0.0", "--port", str(free_port)]
    assert main(words) == 1
    assert "Host 0.0.0.0: the service has no API keys" in capsys.readouterr().err
    monkeypatch.setenv("TABENTO_API_KEYS", "wrong")
    assert main(words) == 1
    assert "api_keys, entry 1: expected ID=" in capsys.readouterr().err
    monkeypatch.setenv("TABENTO_API_KEYS", "a=sha256:" + "0" * 64)
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **__: "orchard:abc")
    with pytest.raises(StartedError):
        main(words)
    assert "0.0.0.0" in started


def test_unknown_model_is_told(free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What the store does not have cannot be served; the message says how to make it."""
    assert main(["serve", "nowhere", "--port", str(free_port)]) == 1
    assert "the model store has no bundle nowhere" in capsys.readouterr().err


def test_interpreter_that_is_gone_is_told(
    linear_bundle: str, free_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that cannot be started is an error in words."""
    monkeypatch.setattr("sys.executable", "/proc/none/python")
    assert main(["serve", linear_bundle, "--port", str(free_port)]) == 1
    assert "the server cannot be started with /proc/none/python" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["orchard", "--config", "x.yaml"], ["orchard", "--port", "x"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Neither or both of a model and a config, or a port that is not a number."""
    with pytest.raises(SystemExit) as exit_info:
        main(["serve", *words])
    assert exit_info.value.code == 2


def test_service_is_found_from_anywhere() -> None:
    """The working folder does not matter: the service lies beside the package."""
    command = serve_command("orchard:abc", "127.0.0.1", 3000)
    folder = Path(command[command.index("--working-dir") + 1])
    assert folder == Path(training.__file__).resolve().parents[1]
    assert (folder / "service.py").is_file()


def test_address_is_one_that_a_person_can_open() -> None:
    """All interfaces are shown as this machine; IPv6 has brackets."""
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::", 80) == "http://[::1]:80"
    assert address("example.org", 80) == "http://example.org:80"


def test_the_record_follows_beside_the_service(
    started: list[str], free_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """MLflow's record is left to another process, which gets the same config, overrides and folders."""
    commands: list[list[str]] = []
    monkeypatch.setattr(stored_model, "ensure_model", lambda *_, **options: f"orchard:{options['record_later']}")
    monkeypatch.setattr("subprocess.Popen", lambda command, **_: commands.append(command))
    options = ["--config", str(ORCHARD), "--set", "seed=3", "--registry-folder", str(tmp_path)]
    with pytest.raises(StartedError):
        main(["serve", *options, "--no-download", "--tracking", "--port", str(free_port)])
    assert "model=orchard:True" in started
    (command,) = commands
    assert command[command.index("training") + 1 :] == ["record", *options]
