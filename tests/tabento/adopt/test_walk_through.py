"""docs/import.md, done as it says: every command of its walk-through runs, and ends as it is written there."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from tests.conftest import bentoml_home
from tests.servers import wait_until
from tests.training.commands.parsing import option_names
from tools.ports import free_port
from training.__main__ import main
from training.stages.adoption.config import ImportConfig

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
TRAINING = ".venv/bin/python -m training "
BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """The fenced blocks of the walk-through: language, expected result, content."""
    return [(match[1], match[2], match[3]) for match in BLOCK.finditer(TEXT.partition("## Which files")[0])]


@pytest.fixture
def adapt_command(tmp_path: Path) -> Callable[[str], str]:
    """A function that lets a command of the document run in this test's folder and with this Python."""
    port = free_port()

    def adapt(text: str) -> str:
        text = text.replace("runs/ferries", str(tmp_path / "ferries")).replace("3000", str(port))
        return text.replace(".venv/bin/python", sys.executable).replace(
            ".venv/bin/bentoml", str(Path(sys.executable).with_name("bentoml"))
        )

    return adapt


@pytest.mark.slow
def test_every_command_runs(
    tmp_path: Path, adapt_command: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fit, refuse, import, edit, import again, serve, predict."""
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "0.1")
    monkeypatch.setenv("TABENTO_SLO_P99_MS", "60000")
    monkeypatch.setenv("TABENTO_DRAIN_S", "0")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    server: subprocess.Popen[bytes] | None = None
    output = ""
    with bentoml_home(tmp_path / "bentoml"):
        try:
            for language, expected, content in blocks():
                if language == "python":
                    (tmp_path / "ferries" / "fit.py").write_text(adapt_command(content), encoding="utf-8")
                elif language == "text":
                    assert output[output.index("error: ") :] == content
                elif language == "yaml":
                    assert content in (tmp_path / "ferries" / "ferries.yaml").read_text(encoding="utf-8")
                elif language == "json":
                    _looks_like(output, content)
                elif expected == "serves":
                    server = subprocess.Popen(shlex.split(adapt_command(content)), cwd=ROOT, stdout=subprocess.DEVNULL)
                    wait_until(lambda: _ready(adapt_command("http://127.0.0.1:3000")), "the server of the walk-through")
                elif content.startswith(TRAINING) and not expected:
                    # Only a refusal needs a process of its own, for its stderr.
                    assert main(shlex.split(adapt_command(content.removeprefix(TRAINING)))) == 0
                else:
                    process = subprocess.run(  # noqa: S602 - the shell command of the document under test
                        adapt_command(content), shell=True, cwd=ROOT, capture_output=True, text=True, timeout=300
                    )
                    assert process.returncode == (1 if expected == "refused" else 0), process.stdout + process.stderr
                    output = process.stderr if expected == "refused" else process.stdout
        finally:
            if server is not None:
                server.send_signal(signal.SIGTERM)
                server.wait(30)
    config = (tmp_path / "ferries" / "ferries.yaml").read_text(encoding="utf-8")
    assert "maximum: 150" in config
    assert "p99_ms: 5" in config


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _looks_like(answer: str, shown_answer: str) -> None:
    """Compare an answer with the answer in the document: the same keys, the same values up to an ellipsis."""
    pattern = re.escape(shown_answer.strip()).replace("…", r"[^,}]*")
    assert re.fullmatch(pattern, answer.strip()), answer
    assert json.loads(answer)["prediction"] == "late"


def test_every_option_and_key_is_explained() -> None:
    """The document explains every option of the command and every key of its config."""
    assert not {option for option in option_names("import") if f"`{option}" not in TEXT}
    model: type[BaseModel] = ImportConfig
    assert not [key for key in model.model_fields if f"`{key}`" not in TEXT]
