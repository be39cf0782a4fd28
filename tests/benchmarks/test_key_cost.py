"""The benchmark of API keys runs, and times every kind of invalid key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.key_cost import main, refusals_of
from serving.settings import ServingSettings
from tabento.keys.inline import inline_entry
from tests.serving.fastpath.raw_client import application_of, serving
from tests.serving.guards.key_records import new_key


def test_the_benchmark_measures_costs_and_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result has the cost of each part and the time of each refusal."""
    path = tmp_path / "result.json"
    assert main(["--rounds", "3", "--calls", "3", "--json", str(path)]) == 0
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result["refusal"]) == {"unknown", "wrong checksum", "too short", "4 kB", "revoked", "expired"}
    assert set(result["request_ns"]) > {"find the key", "identify the caller"}
    assert "request_ns" in capsys.readouterr().out


def test_a_running_service_is_measured(tmp_path: Path) -> None:
    """Each kind of key is refused by a real server as often as asked for; another answer is an error."""
    settings = ServingSettings(api_keys=inline_entry(new_key()[1]), auth_failures_per_minute=10)
    with serving(application_of(tmp_path, settings)) as address:
        assert {len(times) for times in refusals_of(address, 2).values()} == {2}
        with pytest.raises(AssertionError, match="expected 401, got 429"):
            refusals_of(address, 9)
