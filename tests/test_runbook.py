"""The runbook has a section for every alert, and its commands run against a real service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tabento.keys.key_file import format_keys
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.guards.key_records import new_key
from tests.test_start import started

RUNBOOK = (Path(__file__).parents[1] / "docs" / "runbook.md").read_text(encoding="utf-8")
ANCHORS = (
    *(
        "slo-availability",
        "slo-latency",
        "latency",
        "errors",
        "volume",
        "drift",
        "quality",
        "prediction-log",
        "feedback",
    ),
    *("redis", "disk", "monitor", "bad-version", "leaked-key", "nan"),
)
"""The sections to which alerts link."""
PARTS = ("**Symptom.**", "**Look.**", "**Decide", "ct.**")
RECORDS = (
    {
        "time": "2026-11-28T06:15:29.123456Z",
        "request_id": "a",
        "row": 0,
        "key": "shop-1",
        "model": "orchard",
        "version": "v1",
    }
    | {"variant": "champion", "features": {"age": 12, "slope": None}, "prediction": 1.5},
    {"time": "2026-11-28T06:15:30.123456Z", "request_id": "b", "model": "orchard", "version": "v1", "status": 422}
    | {"variant": "champion", "code": "invalid", "fields": ["age"], "total_ms": 0.3},
)
"""Records of the prediction log, see docs/prediction-log.md: a row and a refused request."""


def commands() -> list[str]:
    """Return the lines of all blocks of commands that run against a service."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def sections() -> Iterator[tuple[str, str]]:
    """Yield the anchor and the text of each section of an incident."""
    for match in re.finditer(r'<a id="([a-z-]+)"></a>\n(.*?)(?=<a id=|\Z)', RUNBOOK, re.DOTALL):
        yield match[1], match[2]


def test_every_alert_has_a_section() -> None:
    """Each section has the four parts: symptom, look, decide, act. No anchor appears twice."""
    anchors = [anchor for anchor, _ in sections()]
    assert sorted({*ANCHORS} - {*anchors}) == []
    assert len(anchors) == len({*anchors})
    for anchor, text in sections():
        assert [part for part in PARTS if part not in text] == [], anchor


def test_links_within_the_page_lead_somewhere() -> None:
    """Each link to a section of the page has its anchor."""
    links = {*re.findall(r"\]\(#([a-z-]+)\)", RUNBOOK)}
    assert links <= {anchor for anchor, _ in sections()}


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Every command succeeds against a service with keys, a monitor and a prediction log, and prints something."""
    keys = {
        owner: new_key(owner, scopes=scopes) for owner, scopes in (("ops", ["read", "predict"]), ("root", ["admin"]))
    }
    records = [record for _, record in (*keys.values(), new_key("leaked"), new_key("shop"))]
    key_file, folder = tmp_path / "keys.json", tmp_path / "monitoring"
    key_file.write_bytes(format_keys(tuple(records)))
    (folder / "log").mkdir(parents=True)
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    (folder / "log" / "20261128T061529.123Z-3f9a2c1b-000001.jsonl").write_text(lines, encoding="utf-8")
    settings = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_API_KEYS_FILE": str(key_file),
        "TABENTO_MONITORING": "true",
        "TABENTO_MONITORING_FOLDER": str(folder),
    }
    with started(tmp_path, settings) as service:
        wait_until(service.is_ready, "the service to get ready")
        for row, status in ((TREE, 200), ({**TREE, "age": "x"}, 422)):
            answer = httpx.post(
                f"{service.address}/predict", json=row, headers={"x-api-key": keys["ops"][0]}, timeout=30
            )
            assert answer.status_code == status
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SERVICE": service.address,
            "KEY": keys["ops"][0],
            "ADMIN_KEY": keys["root"][0],
            "MONITORING": str(folder),
            "TABENTO_API_KEYS_FILE": str(key_file),
        }
        failures = []
        definition, *runnable = commands()
        for command in runnable:
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", f"{definition}\n{command}"],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode or not (done.stdout or "NEW=" in command or "tail -5" in command or "revoke" in command):
                failures.append(f"{command}\n{done.returncode} {done.stdout}{done.stderr}")
    assert failures == []
