"""``tabento rollout`` against a real service with three versions, and on a document's file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from rollout.commands.rollout import EXIT_REFUSED, command
from tabento.errors import TabentoError
from tabento.keys.key_file import format_keys
from tests.rollout.documents import orchard_document, store_in
from tests.servers import wait_until
from tests.serving.fleet.versions import VersionedService, versioned_service
from tests.serving.guards.key_records import new_key


class Terminal(NamedTuple):
    """A terminal beside a service, with the key of an administrator."""

    service: VersionedService
    secret: str

    def run(self, *words: str) -> Result:
        """Run a command against the service."""
        environment = {"TABENTO_API_KEY": self.secret, "TABENTO_SERVICE_URL": self.service.address}
        return CliRunner().invoke(command, words, catch_exceptions=False, env=environment)

    def lines(self, *words: str) -> str:
        """Return the output of a command that succeeds."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal beside a service of ``orchard:v1``, whose store has ``v2`` and ``v3``."""
    folder = tmp_path_factory.mktemp("terminal")
    secret, record = new_key("ops", scopes=["admin", "predict", "read"])
    keys = folder / "keys.json"
    keys.write_bytes(format_keys((record,)))
    with versioned_service(folder, api_keys_file=keys) as service:
        service.client.headers["x-api-key"] = secret
        yield Terminal(service, secret)


def test_a_rollout_from_start_to_promotion_and_back(terminal: Terminal) -> None:
    """Start, status, step, promote, the way back, history and report, as a person runs them."""
    lines, service = terminal.lines, terminal.service
    signature = ("--why", "new data", "--who", "anna")
    assert "the document lists no model" in lines("status")
    assert "by the settings" in lines("status", "orchard")

    started = lines(
        "start", "orchard:v2", "--mode", "canary", "--steps", "50%:1d,100%", "--sticky", "request", *signature
    )
    assert "orchard:v2 (live), a canary at 50%, step 1 of 2" in started
    assert "anna (key ops-1): new data" in started
    assert "[50% for 1d], 100% for 1h; next step automatic" in started

    def answering_versions() -> set[str]:
        return {service.predict()[0] for _ in range(20)}

    wait_until(lambda: answering_versions() == {"v1", "v2"}, "both versions to answer")
    reports = json.loads(lines("report", "orchard"))["reports"]
    assert [report["challenger"] for report in reports] == ["orchard:v2"]

    assert "a canary at 100%, step 2 of 2" in lines("step", "orchard")
    wait_until(lambda: answering_versions() == {"v2"}, "the challenger to answer alone")
    assert "orchard:v2 (live)" in lines("promote", "orchard", *signature)
    assert "orchard:v1 (live)" in lines("champion", "orchard", "--previous", "--why", "a mistake")
    service.wait_for_champion("v1")

    history = lines("history", "orchard").splitlines()
    assert [line.split()[3] for line in history] == ["back", "promote", "step", "start"]
    assert json.loads(lines("history", "--json", "--limit", "1"))[0]["why"] == "a mistake"


def test_a_shadow_is_aborted(terminal: Terminal, tmp_path: Path) -> None:
    """A challenger in the shadow is live without traffic; after the abort the champion is alone."""
    assert "in the shadow" in terminal.lines("start", "orchard:v3", "--champion", "orchard:v1", "--why", "try")
    page = tmp_path / "report.html"
    terminal.lines("report", "--page", str(page))
    assert "orchard:v3" in page.read_text()
    aborted = terminal.lines("abort", "orchard", "--why", "enough")
    assert "challenger   none" in aborted
    terminal.service.wait_for_champion("v1")


def test_a_version_that_does_not_load_is_reported(terminal: Terminal) -> None:
    """A version that no source has: the reason is printed, the exit code is 3, and the champion answers."""
    result = terminal.run("start", "orchard:v9", "--champion", "orchard:v1", "--why", "try")

    assert result.exit_code == EXIT_REFUSED
    assert "NOT live" in result.stdout
    assert "differs      orchard:v9: " in result.stdout
    assert terminal.service.predict()[0] == "v1"
    terminal.lines("abort", "orchard")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("abort", "pear"), "no model 'pear'"),
        (("step", "orchard", "--revision", "999"), "but the change starts from 999"),
        (("start", "orchard", "--why", "x"), "start.tag"),
    ],
)
def test_a_refusal_has_the_services_message(terminal: Terminal, words: tuple[str, ...], message: str) -> None:
    """A refused change is an error with the message of the service."""
    with pytest.raises(TabentoError, match=message):
        terminal.run(*words)


def test_a_wrong_key_and_a_stopped_service_are_named(terminal: Terminal) -> None:
    """A key without the scope and an address without a service are errors that name the address."""
    with pytest.raises(TabentoError, match=terminal.service.address):
        Terminal(terminal.service, "wrong").run("status")
    with pytest.raises(TabentoError, match="cannot be reached"):
        terminal.run("status", "--service", "http://127.0.0.1:9")
    assert "expected an address" in terminal.run("status", "--service", "ftp://x").stderr


def test_a_document_is_changed_without_a_service(tmp_path: Path) -> None:
    """The same commands change a file; the history is beside it, and a refusal has exit code 1."""
    path = tmp_path / "rollout.json"

    def run(*words: str) -> Result:
        return CliRunner().invoke(command, [*words, "--file", str(path)], catch_exceptions=False)

    assert "so its champion is unknown" in run("start", "orchard:v2", "--why", "try").stderr
    started = run(
        *("start", "orchard:v2", "--champion", "orchard:v1", "--mode", "canary", "--why", "try", "--who", "anna"),
        *(
            "--limit",
            "error_rate=2%",
            "--limit",
            "p99_ms=50",
            "--limit",
            "answer_drift=off",
            "--sticky",
            "header:x-user",
        ),
    )
    assert started.exit_code == 0, started.output
    assert "error_rate 0.02, latency_rise 0.5, p99_ms 50" in started.stdout
    assert "answer_drift off" in started.stdout
    assert "sticky       header x-user" in started.stdout
    assert "at the step 1% already" in run("step", "orchard", "--share", "1%").stderr
    assert "a canary at 50%, step 3 of 4" in run("step", "orchard", "--share", "50%").stdout
    assert run("promote", "orchard", "--why", "good").exit_code == 1
    assert "orchard:v2" in run("promote", "orchard", "--why", "good", "--early").stdout
    assert "orchard:v1" in run("champion", "orchard", "--previous", "--why", "bad").stdout
    assert "revision 4" in run("status").stdout
    assert len(run("history").stdout.splitlines()) == 4
    assert "document does not list the model" in run("forget", "orchard", "--why", "the image has it").stdout
    assert "forget: not listed any more" in run("history").stdout
    assert json.loads(run("history", "--json").stdout)[0]["why"] == "the image has it"
    assert run("champion", "orchard:v1", "--why", "again").exit_code == 0
    assert json.loads(run("status", "--json").stdout)["document"]["models"]["orchard"]["champion"] == "orchard:v1"
    path.write_text("{")
    assert "is not a rollout document" in run("status").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--steps", "0%"),
        ("--steps", "1%:soon"),
        ("--steps", "ten"),
        ("--hold", "1 week"),
        ("--sticky", "cookie"),
        ("--sticky", "header"),
        ("--limit", "speed=1"),
        ("--limit", "error_rate=high"),
        ("--limit", "error_rate=true"),
        ("--wait", "long"),
    ],
)
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A value that cannot be read ends with code 2 and changes nothing."""
    store = store_in(tmp_path, orchard_document())
    result = CliRunner().invoke(command, ["start", "orchard:2", "--why", "x", "--file", str(store.path), *words])

    assert result.exit_code == 2
    assert "xpected" in result.stderr
    assert store.read() == orchard_document()


def test_a_tag_or_the_former_champion_is_chosen(tmp_path: Path) -> None:
    """``champion`` takes a version, or a model's name with --previous, and never both or neither."""
    for words in (("orchard",), ("orchard:2", "--previous")):
        result = CliRunner().invoke(command, ["champion", *words, "--why", "x", "--file", str(tmp_path / "r.json")])
        assert result.exit_code == 2
        assert "NAME with --previous" in result.stderr


def test_service_and_file_exclude_each_other(tmp_path: Path) -> None:
    """A command names a service or a file; the address in the environment does not prevent a file."""
    words = ["status", "--file", str(tmp_path / "rollout.json")]
    assert CliRunner().invoke(command, [*words, "--service", "http://x"]).exit_code == 2
    assert CliRunner().invoke(command, words, env={"TABENTO_SERVICE_URL": "http://x"}).exit_code == 0
