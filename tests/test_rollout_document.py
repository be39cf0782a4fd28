"""The terminal transcript of docs/rollout.md: its commands run against a real service, and its output is theirs."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

import bentoml
import httpx
import pytest

from rollout.commands.rollout import command
from rollout.document import Limits, read_document
from rollout.settings import RolloutSettings
from rollout.store import open_store
from tabento.bundle.format import BENTOML_MODULE
from tabento.keys.key_file import format_keys
from tests.bundles import TREE, linear_model, orchard_contract, write_bundle
from tests.conftest import bentoml_home
from tests.servers import wait_until
from tests.serving.guards.key_records import new_key
from tests.test_start import started
from tools.transcript import Shell, commands

DOCUMENT = (Path(__file__).parents[1] / "docs" / "rollout.md").read_text(encoding="utf-8")
TRANSCRIPT = re.search(r"```console\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
ACTIONS = ("start", "status", "step", "promote", "abort", "champion", "history", "report")
REFUSED_REASON = "I am in a hurry"
"""The reason in the command of the transcript that is refused."""


def transcript_commands() -> list[str]:
    """Return the commands of the transcript."""
    assert TRANSCRIPT is not None
    return list(commands(TRANSCRIPT[1]))


def test_the_transcript_has_every_command() -> None:
    """Each command of the group appears, and each that prints something has output."""
    text = "\n".join(transcript_commands())
    assert [action for action in ACTIONS if f"tabento rollout {action} " not in text] == []
    assert TRANSCRIPT is not None
    assert len(TRANSCRIPT[1].splitlines()) > 3 * len(transcript_commands())


def test_the_example_is_a_document() -> None:
    """The example of the page can be read, and every limit and command of the page exists."""
    example = re.search(r"```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert example is not None
    challenger = read_document(example[1], "the example").models["california"].challenger
    assert challenger is not None
    assert challenger.share == 0.05
    assert [name for name in Limits.model_fields if f"`{name}`" not in DOCUMENT] == []
    assert [name for name in command.commands if f"`tabento rollout {name} " not in DOCUMENT] == []


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path) -> None:
    """Every command of the transcript succeeds on a service of two small versions, but for the one that is refused on purpose."""
    home = tmp_path / "home"
    with bentoml_home(home):
        for version in ("first", "second"):
            with bentoml.models.create(bentoml.Tag("orchard", version), module=BENTOML_MODULE) as stored:
                contract = orchard_contract()
                write_bundle(Path(stored.path), contract, linear_model(len(contract.features)))
    secret, record = new_key("ops", scopes=["admin", "predict", "read"])
    (tmp_path / "keys.json").write_bytes(format_keys((record,)))
    (tmp_path / "admin.key").write_text(secret, encoding="utf-8")
    settings = {
        "BENTOML_HOME": str(home),
        "TABENTO_MODEL": "orchard:first",
        "TABENTO_API_KEYS_FILE": str(tmp_path / "keys.json"),
        "TABENTO_ROLLOUT_FOLDER": str(tmp_path / "rollout"),
    }
    end = threading.Event()
    with started(tmp_path, settings) as service:
        wait_until(service.is_ready, "the service to get ready")

        def send_requests() -> None:
            with httpx.Client(base_url=service.address, headers={"x-api-key": secret}, timeout=30) as client:
                while not end.is_set():
                    client.post("/predict", json=TREE)

        sender = threading.Thread(target=send_requests)
        sender.start()
        shell = Shell()
        try:
            folder = Path(sys.executable).parent
            shell.run(f"cd {tmp_path}; PATH={folder}:$PATH; PYTHONPATH={os.getcwd()}; export PYTHONPATH")  # noqa: PTH109
            shell.run('tabento() { python -m training "$@"; }')
            outcomes = {}
            for line in transcript_commands():
                own = re.sub(r"california:\w+", "orchard:second", line).replace("california", "orchard")
                own = own.replace("http://127.0.0.1:3000", service.address)
                outcomes[line] = shell.run(own)
            store = open_store(RolloutSettings(rollout_folder=tmp_path / "rollout"))
            wait_until(lambda: store.history.read(limit=1)[0].kind == "roll_back", "the limit to be passed")
        finally:
            shell.close()
            end.set()
            sender.join()
    wrong = {line: outcome for line, outcome in outcomes.items() if bool(outcome[1]) is not (REFUSED_REASON in line)}
    assert wrong == {}
    assert [change.kind for change in store.history.read()] == [
        *("roll_back", "start", "back", "promote", "step", "step", "start", "abort", "start")
    ]
    assert store.read().models["orchard"].champion == "orchard:first"
