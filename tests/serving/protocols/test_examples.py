"""The examples of ``docs/protocols.md`` run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import bentoml.models
import httpx
import pytest

from tabento.bundle.format import BENTOML_MODULE
from tests.bundles import linear_model, write_bundle
from tests.conftest import bentoml_home
from tests.servers import load_service, running
from training.config import load_config

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
ADDRESS = "localhost:3000"
VALUES = (0.00632, 18, 2.31, False, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 4.98)


@pytest.fixture(scope="module")
def boston_server(session_store: Path) -> Iterator[str]:
    """The address of a server of a linear graph with Boston's contract."""
    contract = load_config(ROOT / "configs" / "boston.yaml").contract()
    row = dict(zip(contract.feature_names, VALUES, strict=True))
    with bentoml_home(session_store):
        with bentoml.models.create(contract.name, module=BENTOML_MODULE) as stored:
            write_bundle(Path(stored.path), contract, linear_model(len(row)), [row])
        application = load_service(str(stored.tag), "service_of_boston").Tabento.to_asgi()
        with running(application) as address:
            yield address


def test_the_commands_are_answered(boston_server: str) -> None:
    """Each call of curl gets the status 200, and the same prediction."""
    calls = [
        call for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for call in re.split(r"\n(?=curl )", block)
    ]
    assert len(calls) == 4
    predictions = []
    for call in calls:
        words = shlex.split(call)
        url = next(word for word in words if word.startswith("http://")).replace(f"http://{ADDRESS}", boston_server)
        if "-d" not in words:
            assert httpx.get(url).json()["name"] == "boston"
            continue
        name, _, value = words[words.index("-H") + 1].partition(": ")
        answer = httpx.post(url, content=words[words.index("-d") + 1], headers={name: value}).raise_for_status().json()
        predictions.append(answer["predictions"] if "predictions" in answer else answer["outputs"][0]["data"])
    expected = sum(weight * value for weight, value in enumerate(VALUES, start=1))
    assert predictions == [[pytest.approx(expected)]] * 3


def test_the_program_prints_a_prediction(boston_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The program with Triton's client prints the prediction of its row."""
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(program.replace(ADDRESS, boston_server.removeprefix("http://")), {})  # noqa: S102 - the code of the document under test
    expected = sum(weight * value for weight, value in enumerate(VALUES, start=1))
    assert float(capsys.readouterr().out.strip(" []\n")) == pytest.approx(expected)
