"""`make compose` with programs of the tests' own: the engine that is used, the URLs, and failures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.compose.__main__ import main, page_table
from deploy.compose.engine import find_compose
from deploy.errors import StackError
from tests.deploy.conftest import Programs

IMAGE = "tabento-orchard:1"


def _run(folder: Path, *arguments: str) -> int:
    return main(["--image", IMAGE, "--folder", str(folder / "stack"), *arguments])


def test_it_starts_and_prints_the_urls(programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command waits for health, then prints each URL and the folder of the secrets, and no secret."""
    programs.add("docker")
    assert _run(tmp_path) == 0
    *_, call = programs.calls()
    assert call.startswith(f"docker compose --env-file {tmp_path}/stack/compose.env --file ")
    assert call.endswith("compose.yaml up --detach --build --wait --wait-timeout 600")
    output = capsys.readouterr().out
    for url in (
        "http://127.0.0.1:8080",
        "http://127.0.0.1:5000",
        "http://127.0.0.1:9090",
        "http://127.0.0.1:9093",
        "http://127.0.0.1:3001",
    ):
        assert url in output
    assert f"{tmp_path}/stack/secrets" in output
    for path in (tmp_path / "stack" / "secrets").iterdir():
        assert path.read_text().strip() not in output


def test_podman_is_used_if_docker_does_not_answer(programs: Programs) -> None:
    """A client without its daemon is not an engine."""
    programs.add("docker", '[ "$1" = compose ] || exit 1')
    programs.add("podman", '[ "$1" = compose ] && exit 125; exit 0')
    programs.add("podman-compose")
    assert find_compose() == ("podman-compose",)


def test_no_engine_is_an_error_with_the_remedy(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an engine the status is 1, and the message names each fault and `make stack`."""
    programs.add("docker", "echo unknown command: docker compose >&2; exit 1")
    with pytest.raises(
        StackError, match=r"(?s)unknown command: docker compose.*podman-compose is not installed.*make stack"
    ):
        find_compose()
    assert _run(tmp_path) == 1
    assert "error: no command for compose files" in capsys.readouterr().err


def test_an_unhealthy_part_is_an_error(programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If not all parts are healthy, the status is 1 and the message has the command that shows the logs."""
    programs.add("docker", 'for word; do [ "$word" = up ] && exit 3; done; exit 0')
    assert _run(tmp_path) == 1
    message = capsys.readouterr().err
    assert "not all parts are healthy (status 3)" in message
    assert "logs --tail 50" in message


def test_prepare_and_down(programs: Programs, tmp_path: Path) -> None:
    """`--prepare` starts nothing; `--down` ends the parts of all profiles."""
    assert _run(tmp_path, "--prepare") == 0
    assert programs.calls() == []
    programs.add("docker")
    assert _run(tmp_path, "--down") == 0
    assert programs.calls()[-1].endswith("--profile tracing down")


def test_an_unknown_model_is_an_error(
    programs: Programs, model_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an image the message says how to build one."""
    assert main(["--model", "absent", "--folder", str(tmp_path)]) == 1
    assert "make bento" in capsys.readouterr().err


def test_a_model_with_an_underscore_has_a_bento(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Bento has the model's name as it is, see `tabento bento`."""
    requested: list[str | None] = []

    def find(tag: str | None) -> SimpleNamespace:
        requested.append(tag)
        return SimpleNamespace(tag=f"{tag}:1")

    monkeypatch.setattr("deploy.compose.__main__.find_bento", find)
    assert main(["--model", "old_orchard", "--folder", str(tmp_path), "--prepare"]) == 0
    assert requested == ["tabento-old_orchard"]
    assert "TABENTO_IMAGE=tabento-old_orchard:1\n" in (tmp_path / "compose.env").read_text()


def test_containers_end_without_a_bento(programs: Programs, model_store: Path, tmp_path: Path) -> None:
    """`--down` needs neither image nor Bento: both may be gone, and the prepared variables name what runs."""
    assert _run(tmp_path, "--prepare") == 0
    programs.add("docker")
    former = (tmp_path / "stack" / "compose.env").read_text()
    assert main(["--model", "absent", "--folder", str(tmp_path / "stack"), "--down"]) == 0
    assert programs.calls()[-1].endswith("--profile tracing down")
    assert (tmp_path / "stack" / "compose.env").read_text() == former


def test_nothing_to_end_is_an_error(programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder in which nothing was prepared is named, and no engine is asked."""
    assert main(["--folder", str(tmp_path), "--down"]) == 1
    assert f"{tmp_path} has no compose.env" in capsys.readouterr().err
    assert programs.calls() == []


def test_the_urls_follow_the_variables() -> None:
    """Changed ports and addresses are in the table of URLs."""
    table = page_table({"TABENTO_BIND": "0.0.0.0", "TABENTO_PORT": "80", "GRAFANA_PORT": "3005"})
    assert "http://0.0.0.0:80" in table
    assert "http://127.0.0.1:3005" in table
