"""The drift of logged rows: that of the rows themselves, with private fields named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from monitoring.commands.drift import HAS_DRIFT, command
from monitoring.drift.histograms import layout_of
from monitoring.drift.logged_rows import BLOCK_ROWS, LoggedDrift
from monitoring.drift.verdicts import window_report
from monitoring.replay.bundles import find_bundle
from monitoring.replay.errors import ReplayError
from monitoring.rows import MonitoredModel
from tabento.bundle.contract import Contract
from tabento.bundle.format import REFERENCE_FILE
from tabento.bundle.manifest import verify_manifest, write_manifest
from tabento.bundle.store import Bundle
from tests.bundles import classifier_contract, write_bundle
from tests.monitoring.log.logged_rows import records, row_encoder
from tests.monitoring.rows import Floats, monitored_model, orchard_answers, orchard_numbers, predicted_rows

Log = list[dict[str, Any]]
COUNT = 3_000


def model_of(contract: Contract | None = None, answers: Floats | None = None) -> MonitoredModel:
    """Return a model whose reference describes 5,000 rows."""
    return monitored_model(contract, orchard_numbers(5_000, seed=1), answers, version="v1")


def bundle_of(folder: Path, model: MonitoredModel) -> Bundle:
    """Write the bundle of a model with its reference."""
    write_bundle(folder, model.contract)
    provenance = verify_manifest(folder).provenance
    (folder / REFERENCE_FILE).write_text(model.reference.model_dump_json(), encoding="utf-8")
    write_manifest(folder, model.name, provenance, model.contract.format_version)
    return find_bundle(str(folder))


def log_of(model: MonitoredModel, numbers: Floats, answers: Floats | None = None, **settings: object) -> Log:
    """Return the records of rows."""
    return records(row_encoder(model, 1.0, **settings).encode(predicted_rows(model, numbers, answers)))


def finder(bundle: Bundle) -> Callable[[str], Bundle]:
    """Return a model store with one bundle."""

    def find(tag: str) -> Bundle:
        if tag != bundle.tag:
            raise ReplayError(f"the model store has no bundle {tag}")
        return bundle

    return find


def report_of(bundle: Bundle, log: Log, **counts: int) -> dict[str, Any]:
    """Return the report of the only version in a log, and check the counts of rows."""
    drift = LoggedDrift(finder(bundle))
    drift.add(log)
    assert dict(drift.skipped) == counts
    (report,) = drift.reports(min_rows=500)
    assert report["windows"]["log"]["rows"] == drift.rows == len(log) - sum(counts.values())
    return report


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return the orchard's bundle, version ``v1``."""
    return bundle_of(tmp_path_factory.mktemp("store") / "v1", model_of())


@pytest.mark.parametrize("is_classification", [False, True], ids=["number", "label"])
def test_logged_rows_have_the_drift_of_the_rows(tmp_path: Path, *, is_classification: bool) -> None:
    """Missing values, unknown categories, labels and probabilities are counted from the log as from the rows."""
    numbers = orchard_numbers(COUNT + BLOCK_ROWS, seed=4)
    numbers[::50, 6] = -1
    numbers[:, 1] *= 1000
    answers, contract = orchard_answers(numbers), None
    training_answers = None
    if is_classification:
        contract = classifier_contract()
        random = np.random.default_rng(1)
        probabilities = random.dirichlet([2, 3, 4], len(numbers))
        answers = np.column_stack([probabilities.argmax(axis=1), probabilities])
        training_answers = np.tile(answers, (2, 1))[:5_000]
    model = model_of(contract, training_answers)
    bundle = bundle_of(tmp_path / "v1", model)
    layout = layout_of(model)
    report = report_of(bundle, log_of(model, numbers, answers))
    expected = window_report(layout, layout.count(numbers, answers), report["level"], 500)
    assert report["windows"]["log"] == {"rows": len(numbers)} | expected
    assert report["windows"]["log"]["verdict"] == "drift"
    assert report["not_compared"] == {}
    assert report["times"] == ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:07.095000Z"]


def test_private_features_are_named_and_not_compared(orchard: Bundle) -> None:
    """A feature that is dropped or hashed in some rows is left out, and all rows count for the others."""
    model, numbers = model_of(), orchard_numbers(COUNT, seed=4)
    log = log_of(model, numbers[:1_000], private_fields=("age",))
    log += log_of(model, numbers[1_000:2_000], private_fields=("sort",), private_hash_key="k" * 16)
    log += log_of(model, numbers[2_000:])
    report = report_of(orchard, log)
    assert report["not_compared"] == {"age": "private in 1,000 rows", "sort": "private in 1,000 rows"}
    columns = {column["name"]: column for column in report["windows"]["log"]["columns"]}
    assert set(columns) == {"crown width", "height", "slope", "pruned", "soil", "apples"}
    assert {column["rows"] for column in columns.values()} == {COUNT}
    assert report["windows"]["log"]["verdict"] == "none"
    assert columns["height"]["min"] == numbers[:, 2].min()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"features": 3}, "the record is not complete"),
        ({"version": "gone"}, "the model store has no bundle orchard:gone"),
        ({"private": 5}, "the record does not fit the contract"),
        ({"features": {"age": 3}}, "the log does not have 'crown width'"),
        ({"features": {**dict.fromkeys(("crown width", "height"), 10**400), "age": 1}}, None),
    ],
    ids=["no features", "no bundle", "private", "absent", "large"],
)
def test_a_damaged_record_does_not_end_the_report(orchard: Bundle, damage: dict[str, Any], reason: str | None) -> None:
    """Records that the service did not write are counted with a reason, and all others are compared."""
    log = log_of(model_of(), orchard_numbers(COUNT, seed=4))
    log[7] |= damage
    report = report_of(orchard, log, **{reason or "the record does not fit the contract": 1})
    assert report["windows"]["log"]["verdict"] == "none"


def write_log(folder: Path, log: Log) -> Path:
    """Write records as an open segment."""
    folder.mkdir()
    lines = "".join(json.dumps(record) + "\n" for record in log)
    (folder / "20260101T000000.000Z-3f9a2c1b-000001.jsonl").write_text(lines, encoding="utf-8")
    return folder


def test_the_command_reports_a_log(tmp_path: Path, orchard: Bundle) -> None:
    """The page of a log has the checks of that of a service; times and versions select rows, and a URL is read as well."""
    model, numbers = model_of(), orchard_numbers(COUNT, seed=4)
    numbers[1_500:, 1] *= 1000
    log = log_of(model, numbers, private_fields=("soil",))
    folder = write_log(tmp_path / "log", [*log, {**log[0], "model": "other"}])
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    words = ["report", "--log", str(folder), "--bundle", str(orchard.path), "--output", str(page), "--check"]
    result = CliRunner().invoke(command, [*words, "--json", str(figures)])
    assert (result.exit_code, result.stderr) == (HAS_DRIFT, "")
    assert "orchard:v1 (champion), log: 3,000 rows, drift, 1 features have drifted" in result.stdout
    assert "soil is not compared: private in 3,000 rows" in result.stdout
    assert "1 rows are not compared: other:v1 is not a version of orchard" in result.stdout
    content = page.read_text(encoding="utf-8")
    assert "soil is not compared: private in 3,000 rows." in content
    assert "2026-01-01T00:00:00.000000Z to 2026-01-01T00:00:02.999000Z" in content
    assert content.count("<figure>") == 7
    assert json.loads(figures.read_text())["skipped"] == {"other:v1 is not a version of orchard": 1}
    times = ["--until", "2026-01-01T00:00:01.5Z", "--model", "orchard", "--version", "v1"]
    first_half = CliRunner().invoke(command, [*words, *times])
    assert first_half.exit_code == 0
    assert "log: 1,500 rows, none" in first_half.stdout
    quiet_result = CliRunner().invoke(command, [*words, "--min-rows", "5000"])
    assert (quiet_result.exit_code, "too few rows" in quiet_result.stdout) == (0, True)
    remote = CliRunner().invoke(command, ["report", "--log", folder.as_uri(), *words[3:]])
    assert (remote.exit_code, remote.stdout) == (HAS_DRIFT, result.stdout)


@pytest.mark.usefixtures("model_store")
def test_the_command_refuses_what_it_cannot_report(tmp_path: Path, orchard: Bundle) -> None:
    """A log without rows is no proof of equality; options of the other source, and unknown stores, are errors."""
    output = ["--output", str(tmp_path / "page.html")]
    empty = CliRunner().invoke(command, ["report", "--log", str(tmp_path), "--check", *output])
    assert (empty.exit_code, "It has no row of this time" in empty.stderr) == (1, True)
    folder = write_log(tmp_path / "log", log_of(model_of(), orchard_numbers(10)))
    unknown = CliRunner().invoke(command, ["report", "--log", str(folder), *output])
    assert (unknown.exit_code, "10 rows: " in unknown.stderr) == (1, True)
    for words, message in (
        ([], "Give the addresses"),
        (["http://localhost", "--log", "x"], "Give the addresses"),
        (["http://localhost", "--since", "7d"], "--since is only for --log"),
        (["--log", "x", "--rows", "5"], "--rows is not for --log"),
        (["--log", "x", "--until", "later"], "7d for seven days ago"),
    ):
        result = CliRunner().invoke(command, ["report", *words])
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    for words in (["--log", "no-such-protocol://x"], ["--log", "x", "--bundle", str(tmp_path)]):
        result = CliRunner().invoke(command, ["report", *words])
        assert (result.exit_code, result.stderr.startswith("Error: ")) == (1, True), result.stderr
    assert not (tmp_path / "page.html").exists()
    assert orchard.version == "v1"
