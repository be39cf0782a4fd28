"""The part of drift: its answers, its metrics, and windows that survive restarts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from monitoring.drift.histograms import ordered_integers
from monitoring.drift.part import Drift
from monitoring.drift.state import STATE_FILE
from monitoring.errors import RequestError
from monitoring.rows import MonitoredModel
from monitoring.settings import PREDICTION_STATISTICS, MonitoringSettings
from tests.bundles import TREE
from tests.monitoring.monitors import monitored_service
from tests.monitoring.rows import START_S, monitored_model, orchard_answers, orchard_numbers, predicted_rows

MODEL = monitored_model()


def part_of(folder: Path, now_s: float = START_S + 30, **settings: Any) -> Drift:
    """Return a part whose clock shows one time."""
    return Drift(MonitoringSettings(monitoring_folder=folder, **settings), clock=lambda: now_s)


def read_models(part: Drift, **query: str) -> list[dict[str, Any]]:
    """Return the models of the answer to a question."""
    models: list[dict[str, Any]] = json.loads(asyncio.run(part.answer("drift", query, b"")).content)["models"]
    return models


def with_rows(folder: Path, model: MonitoredModel = MODEL, count: int = 2_000, **settings: Any) -> Drift:
    """Return a part that has counted rows."""
    part = part_of(folder, **settings)
    part.add_model(model)
    part.add_rows(predicted_rows(model, count=count))
    return part


def test_windows_survive_a_restart(tmp_path: Path) -> None:
    """A part that is closed and opened again answers the same histograms, and counts on in the same pane."""
    part = with_rows(tmp_path)
    before = read_models(part, raw="1")
    part.close()
    part = part_of(tmp_path)
    part.add_model(MODEL)
    assert read_models(part, raw="1") == before
    part.add_rows(predicted_rows(MODEL, count=10))
    part.close()
    part = part_of(tmp_path)
    part.add_model(MODEL)
    assert read_models(part)[0]["windows"]["time"]["rows"] == 2_010
    part.close()


def test_a_retrained_version_starts_with_empty_windows(tmp_path: Path) -> None:
    """Saved panes of another reference, or of panes of another length, are not mixed with new ones."""
    with_rows(tmp_path).close()
    other = part_of(tmp_path)
    other.add_model(monitored_model(numbers=orchard_numbers(300, seed=9)))
    assert read_models(other)[0]["windows"]["rows"]["rows"] == 0
    other.close()


def test_a_killed_process_keeps_the_last_write(tmp_path: Path) -> None:
    """After ``kill -9`` the windows hold the rows of the last write."""
    script = f"""
import os, signal, time
from pathlib import Path
from tests.monitoring.drift.test_part import START_S, with_rows
part = with_rows(Path({str(tmp_path)!r}))
part.tick(START_S + 50)
while part._write is not None:
    part.tick(START_S + 51)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    part = part_of(tmp_path)
    part.add_model(MODEL)
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 2_000
    part.close()


def test_a_full_disk_degrades_and_recovers(tmp_path: Path) -> None:
    """If files cannot grow, rows are counted on in memory; they are written once, and completely, when files can grow."""
    script = f"""
import resource
from pathlib import Path
from tests.monitoring.drift.test_part import START_S, MODEL, predicted_rows, with_rows
part = with_rows(Path({str(tmp_path)!r}))
def save(now_s):
    part.tick(now_s)
    while part._write is not None:
        part.tick(now_s)
save(START_S + 50)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
part.add_rows(predicted_rows(MODEL, count=100))
save(START_S + 70)
assert part.health().status == "degraded", part.health()
part.add_rows(predicted_rows(MODEL, count=10))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
save(START_S + 90)
assert part.health().status == "healthy", part.health()
assert part.numbers()["tabento_drift_save_failures"] == {{(): 1.0}}
part.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    part = part_of(tmp_path)
    part.add_model(MODEL)
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 2_110
    part.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """A state file that is not a database does not stop the part; it is kept under another name."""
    (tmp_path / STATE_FILE).write_bytes(b"damaged" * 1000)
    part = with_rows(tmp_path)
    health = part.health()
    assert health is not None
    assert health.status == "healthy"
    part.close()
    assert (tmp_path / f"{STATE_FILE}.damaged").read_bytes() == b"damaged" * 1000


def test_a_folder_that_cannot_be_written_degrades_and_recovers(tmp_path: Path) -> None:
    """Without a folder the part counts on, says so, and saves as soon as the folder can be made."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file instead of a folder", encoding="utf-8")
    part = with_rows(blocked)
    health = part.health()
    assert health is not None
    assert (health.status, str(tmp_path) in health.message) == ("degraded", False)
    part.tick(START_S + 60)
    assert part.numbers()["tabento_drift_save_failures"] == {(): 1.0}
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 2_000
    blocked.unlink()
    part.close()
    assert (blocked / STATE_FILE).exists()
    health = part.health()
    assert health is not None
    assert health.status == "healthy"


def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second part of one folder does not save, and says so."""
    first, second = with_rows(tmp_path), with_rows(tmp_path, count=5)
    health = second.health()
    assert health is not None
    assert (health.status, "another service" in health.message) == ("degraded", True)
    second.close()
    first.close()


def test_old_rows_and_rows_of_the_future_are_forgotten(tmp_path: Path) -> None:
    """Panes leave the window; panes that a wrong clock has made go when it is right again."""
    part = with_rows(tmp_path, drift_window_s=600)
    part.add_rows(predicted_rows(MODEL, count=10, start_s=START_S + 1e6))
    part.tick(START_S + 60)
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 2_000
    part.tick(START_S + 1_000)
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 0
    part.close()


def test_panes_of_another_layout_start_afresh(tmp_path: Path) -> None:
    """Panes that another release has saved are neither read nor overwritten, so that it finds them after a step back."""
    part = with_rows(tmp_path)
    part.close()
    with closing(sqlite3.connect(tmp_path / STATE_FILE)) as connection, connection:
        ((slots,),) = connection.execute("SELECT slots FROM panes").fetchall()
        shorter = zlib.compress(zlib.decompress(slots)[:-16])
        connection.execute("UPDATE panes SET fingerprint = 'of an old release', slots = ?", (shorter,))
    part = part_of(tmp_path)
    part.add_model(MODEL)
    assert read_models(part)[0]["windows"]["rows"]["rows"] == 0
    part.add_rows(predicted_rows(MODEL, count=10))
    part.close()
    health = part.health()
    assert health is not None
    assert health.status == "healthy"
    with closing(sqlite3.connect(tmp_path / STATE_FILE)) as connection:
        assert sorted(connection.execute("SELECT rows FROM panes").fetchall()) == [(10,), (2_000,)]


def test_private_features_are_not_in_the_state_file(tmp_path: Path) -> None:
    """The smallest and the largest value of a private feature are neither saved nor answered."""
    part = with_rows(tmp_path, private_fields=("height",))
    part.tick(START_S + 60)
    columns = {column["name"]: column for column in read_models(part)[0]["windows"]["rows"]["columns"]}
    assert (columns["height"]["min"], columns["height"]["max"]) == (None, None)
    assert columns["crown width"]["min"] is not None
    statistics = {labels[-1] for labels in part.numbers()["tabento_feature_value"] if labels[2] == "height"}
    assert statistics == {"mean", "p05", "p95"}
    part.close()
    with closing(sqlite3.connect(tmp_path / STATE_FILE)) as connection:
        ((slots,),) = connection.execute("SELECT slots FROM panes").fetchall()
    height = np.sort(ordered_integers(orchard_numbers(2_000)[:, 2]))
    saved = np.frombuffer(zlib.decompress(slots), "<i8")
    assert height[-1] not in saved


def test_bounds_need_enough_rows(tmp_path: Path) -> None:
    """The standard deviation of a few answers is small by chance, so it is compared from the least number of rows on."""
    bounds = {"apples": {"std": (10.0, None), "max": (None, 100.0), "median": (50.0, 100.0)}}
    for count, expected in ((499, {}), (500, {"std": 0.0, "max": 1.0, "median": 0.0})):
        part = with_rows(tmp_path / str(count), count=count, drift_prediction_bounds=bounds)
        part.tick(START_S + 60)
        numbers = part.numbers()
        outside = {labels[-1]: number for labels, number in numbers["tabento_prediction_out_of_bounds"].items()}
        assert outside == expected
        statistics = {labels[-1]: number for labels, number in numbers["tabento_prediction"].items()}
        answers = orchard_answers(orchard_numbers(count))
        assert (statistics["min"], statistics["max"]) == (answers.min(), answers.max())
        assert set(statistics) == set(PREDICTION_STATISTICS)
        part.close()


def test_metrics_are_those_of_the_last_check(tmp_path: Path) -> None:
    """Metrics have one series a feature; bounds of the answers are compared."""
    part = with_rows(tmp_path, drift_prediction_bounds={"apples": {"mean": (1000, None), "std": (None, 1000)}})
    part.tick(START_S + 60)
    numbers = part.numbers()
    labels = ("orchard", "1")
    assert numbers["tabento_drift_rows"][labels] == 2_000
    assert numbers["tabento_drift_verdict"][labels] == 0
    assert numbers["ml_feature_null_rate"][*labels, "slope"] == pytest.approx(0.2, abs=0.05)
    assert numbers["tabento_prediction_out_of_bounds"] == {
        (*labels, "apples", "mean"): 1.0,
        (*labels, "apples", "std"): 0.0,
    }
    assert set(numbers) == {family.name for family in part.families}
    part.close()


@pytest.mark.parametrize(
    "query", [{"window_s": "-1"}, {"window_s": "nan"}, {"rows": "many"}, {"rows": "inf"}, {"windw": "1"}]
)
def test_wrong_queries_are_refused(tmp_path: Path, query: dict[str, str]) -> None:
    """A wrong parameter is an error that names it."""
    part = part_of(tmp_path)
    with pytest.raises(RequestError) as refusal:
        read_models(part, **query)
    assert refusal.value.details[0].field == next(iter(query))
    with pytest.raises(RequestError, match="No such model"):
        read_models(part, model="other")
    part.close()


def test_a_service_answers_its_drift(tmp_path: Path) -> None:
    """``GET /drift`` of a real service counts the rows of its predictions."""
    part = Drift(MonitoringSettings(monitoring_folder=tmp_path / "monitoring"))
    with monitored_service(tmp_path / "bundle", part) as (address, _monitor), httpx.Client(base_url=address) as client:
        client.post("/predict", json={"instances": [TREE] * 20}).raise_for_status()
        for _ in range(500):
            (model,) = client.get("/drift").raise_for_status().json()["models"]
            if model["windows"]["rows"]["rows"]:
                break
        assert model["windows"]["rows"]["rows"] == 20
        assert model["windows"]["time"]["verdict"] == "too few rows"
