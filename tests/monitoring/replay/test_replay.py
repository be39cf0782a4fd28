"""Replay of logs that the real writer's encoder wrote from answers of real graphs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from monitoring.commands.log_replay import command
from monitoring.replay.errors import ReplayError
from monitoring.replay.graph import Graph, find_graph
from monitoring.replay.replay import Replay
from monitoring.rows import MonitoredModel
from tabento.bundle.contract import Contract, Feature
from tests.bundles import classifier_contract, linear_model, orchard_contract, write_bundle
from tests.monitoring.log.logged_rows import monitored, predicted_rows, records, row_encoder

Floats = NDArray[np.float64]
N_ROWS = 300


def packed_rows(contract: Contract, seed: int = 3) -> Floats:
    """Return packed rows with values of every kind of a contract's features, missing ones among them."""
    generator = np.random.default_rng(seed)
    columns: list[Floats] = []
    column: NDArray[Any]
    for feature in contract.features:
        if feature.type == "category":
            column = generator.integers(-1 if feature.unknown == "ignore" else 0, len(feature.categories or ()), N_ROWS)
        elif feature.type == "boolean":
            column = generator.integers(0, 2, N_ROWS)
        else:
            column = generator.uniform(max(feature.lower, 0.0), min(feature.upper, 60.0), N_ROWS)
            column = np.floor(column) if feature.type == "integer" else column
        missing = generator.random(N_ROWS) < (0.2 if feature.nullable else 0.0)
        columns.append(np.where(missing, np.nan, column.astype(np.float64)))
    return np.column_stack(columns)


def log_rows(graph: Graph, rows: Floats, **settings: Any) -> list[dict[str, Any]]:
    """Return the records of rows that a graph answers."""
    model: MonitoredModel = monitored(graph.bundle.contract, graph.bundle.version)
    encoder = row_encoder(model, 1.0, **settings)
    return records(encoder.encode(predicted_rows(model, rows, graph.run(rows))))


def finder(*graphs: Graph) -> Callable[[str], Graph]:
    """Return a model store with these graphs."""
    graph_of_tag = {graph.bundle.tag: graph for graph in graphs}

    def find(tag: str) -> Graph:
        if tag not in graph_of_tag:
            raise ReplayError(f"the model store has no bundle {tag}")
        return graph_of_tag[tag]

    return find


def change_feature(contract: Contract, feature_name: str, **changes: object) -> Contract:
    """Return a contract with other keys of one feature."""
    features = [
        Feature.model_validate({**feature.model_dump(), **changes}) if feature.name == feature_name else feature
        for feature in contract.features
    ]
    return contract.model_copy(update={"features": tuple(features)})


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """Return the orchard's graph, version ``v1``."""
    return find_graph(str(write_bundle(tmp_path / "v1")))


@pytest.mark.parametrize("contract", [orchard_contract(), classifier_contract()], ids=["number", "label"])
def test_the_logged_bundle_answers_every_row_with_the_same_bits(tmp_path: Path, contract: Contract) -> None:
    """Numbers, labels and probabilities of all rows are equal, with missing values and unknown categories."""
    graph = find_graph(str(write_bundle(tmp_path / "v1", contract)))
    replay = Replay(finder(graph))
    progress: list[int] = []
    replay.run(log_rows(graph, packed_rows(contract)), progress.append)
    (comparison,) = replay.comparisons
    assert (comparison.rows, comparison.differing, dict(comparison.skipped)) == (N_ROWS, 0, {})
    assert progress == [N_ROWS]


def test_one_changed_bit_is_found(graph: Graph) -> None:
    """An answer that was changed in its last bit is the worst row of the report."""
    log = log_rows(graph, packed_rows(graph.bundle.contract))
    log[17]["prediction"] = math.nextafter(log[17]["prediction"], math.inf)
    replay = Replay(finder(graph))
    replay.run(log)
    report = replay.comparisons[0].report()
    assert report["differing"] == 1
    assert [row["request_id"] for row in report["worst"]] == ["r17"]


def test_rows_with_private_features_are_counted_and_named(graph: Graph) -> None:
    """A dropped or hashed value cannot be answered again."""
    log = log_rows(graph, packed_rows(graph.bundle.contract), private_fields=("age",))
    log += log_rows(graph, packed_rows(graph.bundle.contract), private_fields=("sort",), private_hash_key="k" * 16)
    replay = Replay(finder(graph))
    replay.run(log)
    (comparison,) = replay.comparisons
    assert comparison.rows == 0
    assert dict(comparison.skipped) == {"'age' is private": N_ROWS, "'sort' is private": N_ROWS}


def test_rows_of_an_unknown_bundle_are_counted(graph: Graph) -> None:
    """A bundle that was removed from the store does not end the replay of other versions."""
    log = log_rows(graph, packed_rows(graph.bundle.contract))
    replay = Replay(finder(graph))
    replay.run([*log, {**log[0], "version": "gone"}])
    assert replay.comparisons[0].rows == N_ROWS
    assert dict(replay.skipped) == {"the model store has no bundle orchard:gone": 1}


def test_another_version_gives_the_distribution_of_differences(tmp_path: Path, graph: Graph) -> None:
    """A version whose graph is another one changes answers; the report has their mean and the worst rows in order."""
    contract = graph.bundle.contract
    model = linear_model(len(contract.features))
    weights = np.arange(2.0, len(contract.features) + 2).reshape(-1, 1)
    model.graph.initializer[1].raw_data = weights.tobytes()
    other = find_graph(str(write_bundle(tmp_path / "v2", model=model)))
    rows = packed_rows(contract)
    replay = Replay(finder(graph), other)
    replay.run(log_rows(graph, rows))
    report = replay.comparisons[0].report()
    differences = other.run(rows)[:, 0] - graph.run(rows)[:, 0]
    number = report["numbers"][contract.output.name]
    assert report["bundle"] == "orchard:v2"
    assert report["differing"] == np.count_nonzero(differences)
    assert number["mean"] == pytest.approx(differences.mean())
    assert number["largest_absolute"] == pytest.approx(np.abs(differences).max())
    worst = [row["request_id"] for row in report["worst"]]
    assert worst == [f"r{index}" for index in np.argsort(-np.abs(differences), kind="stable")[:10]]


def test_another_version_counts_changed_labels(tmp_path: Path) -> None:
    """With other classes, labels are compared by their text, and a label that is not known any more is a change."""
    old = find_graph(str(write_bundle(tmp_path / "v1", classifier_contract())))
    new = find_graph(str(write_bundle(tmp_path / "v2", classifier_contract(("fair", "poor", "new")))))
    rows = packed_rows(old.bundle.contract)
    log = log_rows(old, rows)
    replay = Replay(finder(old), new)
    replay.run(log)
    report = replay.comparisons[0].report()["labels"]["harvest"]
    labels = ("fair", "poor", "new")
    new_labels = [labels[int(index)] for index in new.run(rows)[:, 0]]
    n_changed = sum(record["prediction"] != label for record, label in zip(log, new_labels, strict=True))
    assert report["changed"] == n_changed > 0
    assert sum(change["rows"] for change in report["changes"]) == n_changed


def test_another_version_skips_rows_that_its_contract_refuses(tmp_path: Path, graph: Graph) -> None:
    """A narrower range, fewer categories and a new required feature are reasons; the rest is answered."""
    contract = change_feature(graph.bundle.contract, "age", maximum=20.0)
    narrow = find_graph(str(write_bundle(tmp_path / "v2", contract)))
    rows = packed_rows(contract)
    rows[:, 0] = np.where(np.arange(N_ROWS) % 3 == 0, 30.0, 10.0)
    replay = Replay(finder(graph), narrow)
    replay.run(log_rows(graph, rows))
    assert replay.comparisons[0].rows == N_ROWS - 100
    assert dict(replay.comparisons[0].skipped) == {"'age' is not accepted": 100}
    renamed = change_feature(graph.bundle.contract, "age", name="years")
    examples = [
        {**{"years": 1}, **{key: value for key, value in row.items() if key != "age"}} for row in narrow.bundle.examples
    ]
    other = find_graph(str(write_bundle(tmp_path / "v3", renamed, examples=examples)))
    replay = Replay(finder(graph), other)
    replay.run(log_rows(graph, rows))
    assert dict(replay.comparisons[0].skipped) == {"the log does not have 'years'": N_ROWS}


@pytest.mark.parametrize(
    "damage",
    [
        {"features": 3},
        {"features": {"age": "old"}},
        {"features": {"age": 1e999}},
        {"prediction": None},
        {"features": {}},
    ],
)
def test_a_damaged_record_does_not_end_the_replay(graph: Graph, damage: dict[str, Any]) -> None:
    """A record that no service wrote is counted, or differs; all others are replayed."""
    log = log_rows(graph, packed_rows(graph.bundle.contract))
    replay = Replay(finder(graph))
    replay.run([{**log[0], **damage}, *log])
    (comparison,) = replay.comparisons
    n_skipped = replay.skipped.total() + comparison.skipped.total()
    assert comparison.rows + n_skipped == N_ROWS + 1
    assert comparison.differing + n_skipped == 1


def write_log(folder: Path, log: Sequence[dict[str, Any]]) -> Path:
    """Write records as an open segment."""
    folder.mkdir()
    name = "20260921T141320.000Z-3f9a2c1b-000001.jsonl"
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in log), encoding="utf-8")
    return folder


def test_the_command_compares_a_log_with_another_bundle(tmp_path: Path, graph: Graph) -> None:
    """The report names the rows and is also written as JSON; the same bundle has no differences."""
    folder = write_log(tmp_path / "log", log_rows(graph, packed_rows(graph.bundle.contract)))
    report_path = tmp_path / "report.json"
    arguments = [str(folder), "--bundle", str(graph.bundle.path), "--json", str(report_path)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert f"orchard:v1: {N_ROWS} rows answered again, 0 differ in a bit" in result.output
    assert json.loads(report_path.read_text(encoding="utf-8"))["comparisons"][0]["rows"] == N_ROWS


def test_the_command_refuses_a_log_without_rows(tmp_path: Path, graph: Graph) -> None:
    """An empty folder is not a proof of equal answers."""
    result = CliRunner().invoke(command, [str(tmp_path), "--bundle", str(graph.bundle.path)])
    assert result.exit_code == 1
    assert "no row" in result.output


def test_the_command_refuses_a_wrong_time(tmp_path: Path) -> None:
    """The message names both forms of a time."""
    result = CliRunner().invoke(command, [str(tmp_path), "--since", "yesterday"])
    assert result.exit_code == 2
    assert "7d for seven days ago" in result.output
