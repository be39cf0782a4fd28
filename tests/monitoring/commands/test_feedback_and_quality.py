"""``tabento feedback`` and ``tabento quality`` against a real service with a real monitor."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitoring.commands import feedback, quality, service_client
from monitoring.process.parts import build_parts
from monitoring.settings import MonitoringSettings
from tests.bundles import TREE
from tests.monitoring.monitors import monitored_service
from tests.servers import wait_until

ROWS = 40


def _predict(address: str) -> tuple[str, list[float]]:
    """Predict rows in one request; return its id and the answers."""
    body = json.dumps({"instances": [{**TREE, "age": 1 + number} for number in range(ROWS)]}).encode()
    request = urllib.request.Request(f"{address}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        content = json.loads(response.read())
    return content["request_id"], content["predictions"]


def _run(command: Any, *words: str, **options: Any) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False, **options)


def _counts(result: Result) -> dict[str, int]:
    assert result.exit_code == 0, result.output
    counts: dict[str, int] = json.loads(result.stdout.splitlines()[-1])
    return counts


def test_the_loop_from_a_prediction_to_its_quality(tmp_path: Path) -> None:
    """Truths of a file reach the service, are listed, measured against the test part, and shown as a page."""
    folder = tmp_path / "monitoring"
    settings = MonitoringSettings(monitoring_folder=folder, quality_min_rows=10)
    with monitored_service(tmp_path / "bundle", *build_parts(settings)) as (address, _):
        request_id, answers = _predict(address)
        table = tmp_path / "truths.csv"
        lines = [f"{request_id},{row},{answer + 3}" for row, answer in enumerate(answers)]
        table.write_text("\n".join(["request_id,row,truth", *lines, f"{request_id},99,"]), encoding="utf-8")
        first = _counts(_run(feedback.command, "send", str(table), "--url", address, "--batch", "15"))
        assert (first["received"], first["new"]) == (ROWS, ROWS)
        assert _counts(_run(feedback.command, "send", str(table), "--url", address))["duplicates"] == ROWS

        def check_joined() -> bool:
            answer = json.loads(_run(quality.command, "report", "--url", address, "--json").stdout)
            return bool(answer["feedback"]["joined"] == ROWS)

        wait_until(check_joined, "the truths to be joined")
        page = tmp_path / "quality.html"
        text = _run(quality.command, "report", "--url", address, "--page", str(page)).stdout
    assert "orchard:" in text
    assert "rmse               3 (3 to 3)" in text
    assert "test 1         worse" in text
    assert "<svg" in page.read_text(encoding="utf-8") or "<table>" in page.read_text(encoding="utf-8")
    listed = _run(feedback.command, "list", "--folder", str(folder), "--model", "orchard").stdout.splitlines()
    assert {json.loads(line)["row"] for line in listed} == set(range(ROWS))
    offline = json.loads(_run(quality.command, "report", "--folder", str(folder), "--window", "all", "--json").stdout)
    assert offline["models"][0]["rows"] == ROWS


def test_a_listing_can_be_sent_again(tmp_path: Path) -> None:
    """The lines of ``list`` are truths with their times, which another service can store."""
    lines = [{"request_id": "a", "row": 0, "truth": 1, "time_s": 5.0, "corrections": 0, "model": None}]
    file = tmp_path / "truths.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    with file.open(encoding="utf-8") as content:
        assert list(feedback._items(content, False)) == [{"request_id": "a", "row": 0, "truth": 1, "time": 5.0}]


@pytest.mark.parametrize(
    ("text", "as_text", "value"), [("3", False, 3.0), ("true", False, True), ("nan", False, "nan"), ("3", True, "3")]
)
def test_cells_become_values(text: str, as_text: bool, value: object) -> None:
    """Numbers and truth values are recognised unless the truths are texts."""
    assert feedback._value(text, as_text) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,truth\na,1\n", "with the columns request_id and truth"),
        ("", "with the columns request_id and truth"),
        ("request_id,row,truth\na,x,1\n", "the index of a row in line 2, got 'x'"),
        ('{"request_id": "a", "truth": 1}\n{"x\n', "a JSON object in line 2"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, content: str, message: str) -> None:
    """Nothing is sent from the wrong line on."""
    file = tmp_path / "truths"
    file.write_text(content, encoding="utf-8")
    result = _run(feedback.command, "send", str(file), "--url", "http://127.0.0.1:9", "--batch", "10")
    assert result.exit_code == 1
    assert message in result.output


def test_a_service_that_is_away_is_tried_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how often; another address than HTTP is refused at once."""
    monkeypatch.setattr(service_client, "LONGEST_WAIT_S", 0.0)
    result = _run(quality.command, "report", "--url", "http://127.0.0.1:9")
    assert (result.exit_code, "did not answer after 8 attempts" in result.output) == (1, True)
    assert _run(quality.command, "report", "--url", "file:///etc/passwd").exit_code == 2


def test_a_folder_without_feedback_is_named(tmp_path: Path) -> None:
    """Reading makes no new store."""
    for command, words in ((feedback.command, ["list"]), (quality.command, ["report"])):
        result = _run(command, *words, "--folder", str(tmp_path))
        assert result.exit_code == 1
        assert "feedback.sqlite" in result.output
    assert not list(tmp_path.iterdir())
