"""Intervals and sets that are calibrated on unseen rows contain the truth as often as they promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.interval import Interval, IntervalTable
from tabento.bundle.store import read_bundle
from tabento.export import export_pipeline
from tabento.packaging.examples import to_json_row
from tabento.tables.frames import to_rows
from tabento.tables.intervals import interval_ends, prediction_sets
from tests.bundles import write_bundle
from tests.training.orchards import answers, orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import Intervals, ModelConfig, Sets
from training.model.conformal import Calibration, calibrate, calibrate_interval, calibrate_set, smallest_group
from training.model.pipeline import FitError, fit_pipeline

TREE = {"kind": "decision_tree", "params": {"max_depth": 4}}
ORCHARD = orchard_config(estimator=TREE, intervals={"coverage": 0.8, "by": "age", "parts": 2, "folds": 3})
SEEDLING = seedling_config(estimator=TREE, sets={"coverage": 0.8, "folds": 3})


def ends_of(interval: Interval, centres: np.ndarray, by: np.ndarray | None = None) -> np.ndarray:
    """Return the ends of many rows."""
    values = None if by is None else by.tolist()
    return np.array(IntervalTable(interval).all_ends(centres.tolist(), values))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_new_rows_are_covered_as_promised(coverage: float) -> None:
    """Over many repetitions, skewed errors of new rows are inside as often as promised, with half of the others on each side."""
    generator = np.random.default_rng(4)
    covered, below = [], []
    for _ in range(200):
        answers, errors = generator.normal(0, 1, 200), generator.exponential(1, 200) - 1
        interval = calibrate_interval(Intervals(coverage=coverage), answers[:100] + errors[:100], answers[:100])
        ends = ends_of(interval, answers[100:])
        truth = answers[100:] + errors[100:]
        covered.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        below.append(truth < ends[:, 0])
    assert np.mean(covered) == pytest.approx(coverage, abs=0.015)
    assert np.mean(below) == pytest.approx((1 - coverage) / 2, abs=0.01)


def test_each_range_of_a_feature_is_covered() -> None:
    """Where errors grow with a feature, each range of it is covered as promised; without ranges the last one is not."""
    generator = np.random.default_rng(5)
    feature = generator.uniform(0, 4, 8000)
    truth, answers = generator.normal(0, 0.2 + feature), np.zeros(8000)
    seen, new = slice(0, 4000), slice(4000, 8000)
    request = Intervals(coverage=0.9, by="age", parts=4)
    interval = calibrate_interval(request, truth[seen], answers[seen], feature[seen])
    ends = ends_of(interval, answers[new], feature[new])
    covered = (ends[:, 0] <= truth[new]) & (truth[new] <= ends[:, 1])
    parts = np.searchsorted(interval.by_edges, feature[new], side="left")
    assert [covered[parts == part].mean() for part in range(4)] == pytest.approx([0.9] * 4, abs=0.03)
    plain = ends_of(calibrate_interval(Intervals(coverage=0.9), truth[seen], answers[seen]), answers[new])
    assert ((plain[:, 0] <= truth[new]) & (truth[new] <= plain[:, 1]))[parts == 3].mean() < 0.8


def test_quantile_has_the_correction_for_few_rows() -> None:
    """With 19 residuals and a coverage of 0.9 the ends are the extremes; with fewer rows there is an error with the remedy."""
    residuals = np.arange(-9.0, 10.0)
    interval = calibrate_interval(Intervals(coverage=0.9), residuals, np.zeros(19))
    assert (interval.groups[0].lower, interval.groups[0].upper) == ((-9.0,), (9.0,))
    with pytest.raises(
        FitError, match=r"at least 19 training rows in the training part for a coverage of 0\.9, got 18"
    ):
        calibrate_interval(Intervals(coverage=0.9), residuals[:18], np.zeros(18))
    assert [smallest_group(coverage) for coverage in (0.5, 0.8, 0.9, 0.95, 0.99)] == [3, 9, 19, 39, 199]


def test_bins_of_the_answer_have_edges_between_answers() -> None:
    """Bins have equally many rows, an edge is half-way between two answers, and equal answers are not divided."""
    answers = np.repeat(np.arange(8.0), 100)
    interval = calibrate_interval(Intervals(bins=4), np.zeros(800), answers)
    assert interval.groups[0].edges == (1.5, 3.5, 5.5)
    interval = calibrate_interval(Intervals(bins=3), np.zeros(800), np.repeat([0.0, 1.0], [700, 100]))
    assert interval.groups[0].edges == ()
    interval = calibrate_interval(Intervals(), np.zeros(450), np.arange(450.0))
    assert len(interval.groups[0].edges) == 1


def test_missing_values_have_a_group_of_their_own() -> None:
    """Many rows without the feature have their own offsets; few of them get those of all rows."""
    generator = np.random.default_rng(6)
    truth, answers, feature = generator.normal(0, 1, 1000), np.zeros(1000), generator.uniform(0, 1, 1000)
    feature[:300] = np.nan
    truth[:300] *= 10
    request = Intervals(by="age", parts=2)
    groups = calibrate_interval(request, truth, answers, feature).groups
    assert len(groups) == 3
    assert groups[2].upper[0] > 3 * groups[0].upper[0]
    feature[10:300] = 0.5
    all_rows = calibrate_interval(Intervals(), truth, answers).groups[0]
    assert calibrate_interval(request, truth, answers, feature).groups[-1] == all_rows
    feature[:] = np.nan
    assert calibrate_interval(request, truth, answers, feature).groups == (all_rows, all_rows)


def test_each_class_has_its_threshold() -> None:
    """A threshold is half-way below the k-th smallest probability of the class's own rows; a class of few rows is always inside."""
    truth = np.array([0.0] * 9 + [1.0] * 3)
    first = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.2, 0.3, 0.4])
    answers = np.stack([first < 0.5, first, 1 - first], axis=1).astype(np.float64)
    assert calibrate_set(Sets(coverage=0.8), truth, answers).thresholds == (0.2, 0.0)
    assert calibrate_set(Sets(coverage=0.9), truth, answers).thresholds == (0.05, 0.0)


def test_labels_of_each_class_are_covered_as_promised() -> None:
    """The true label of new rows is in the set at least as often as promised, for the rare class as well.

    The answered label is always in the set, so the coverage of a class that is answered well can be higher.
    """
    generator = np.random.default_rng(7)
    covered: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(20):
        truth = (generator.random(2_000) < 0.2).astype(np.float64)
        probability = 1 / (1 + np.exp(-generator.normal(truth * 1.5 - 2.5, 1)))
        predicted = np.stack([probability >= 0.5, 1 - probability, probability], axis=1).astype(np.float64)
        table = calibrate_set(Sets(coverage=0.9), truth[:1_000], predicted[:1_000])
        members = prediction_sets(seedling_config().contract(prediction_set=table), predicted[1_000:])
        new = truth[1_000:].astype(int)
        for label, shares in covered.items():
            shares.append(float(members[new == label, label].mean()))
    assert np.mean(covered[1]) == pytest.approx(0.9, abs=0.015)
    assert np.mean(covered[0]) > 0.9


def test_config_without_intervals_has_no_tables() -> None:
    """Nothing is fitted if the config asks for neither intervals nor sets."""
    config = orchard_config()
    assert calibrate(config, orchard_frame(5), config.decisions()) == Calibration()


def test_second_calibration_gives_the_same_table() -> None:
    """The same rows and seed give the same table, with the config's limits of the target."""
    frame = orchard_frame(150)
    tables = [calibrate(ORCHARD, frame, ORCHARD.decisions(), n_jobs=1) for _ in range(2)]
    assert tables[0] == tables[1]
    assert tables[0].interval is not None
    assert (tables[0].interval.by, len(tables[0].interval.groups), tables[0].interval.maximum) == ("age", 3, 2000.0)


def served_model(config: ModelConfig, calibration: Calibration, rows: int, folder: Path) -> tuple[ServedModel, bytes]:
    """Return the service's model of a config that is fitted on some rows, and its graph."""
    frame = orchard_frame(rows) if config.task == "regression" else seedling_frame(rows)
    pipeline = fit_pipeline(config, frame)
    contract = config.contract(interval=calibration.interval, prediction_set=calibration.prediction_set)
    model = export_pipeline(pipeline, contract)
    examples = [to_json_row(row, contract) for row in frame.head(2).to_dict("records")]
    write_bundle(folder, contract, model, examples)
    return ServedModel(read_bundle(folder, f"{config.name}:v1"), ServingSettings()), model.SerializeToString()


def test_service_answers_the_intervals_of_training(tmp_path: Path) -> None:
    """The service's intervals of the test rows equal those that training computes, digit for digit, alone and in batches."""
    calibration = calibrate(ORCHARD, orchard_frame(150), ORCHARD.decisions(), n_jobs=1)
    service, model = served_model(ORCHARD, calibration, 150, tmp_path)
    contract, test = service.bundle.contract, orchard_frame(60, seed=9)
    rows = to_rows(test, contract)
    expected = interval_ends(contract, answers(model, rows), rows).tolist()
    bodies = [to_json_row(row, contract) for row in test.to_dict("records")]
    batch = service.predict(json.dumps({"instances": bodies}).encode())
    assert [[item["lower"], item["upper"]] for item in batch["intervals"]] == expected
    for body, ends in zip(bodies, expected, strict=True):
        interval = service.predict(json.dumps(body).encode())["interval"]
        assert [interval["lower"], interval["upper"], interval["coverage"]] == [*ends, 0.8]


def test_service_answers_the_sets_of_training(tmp_path: Path) -> None:
    """The service's sets of the test rows equal those that training computes."""
    config = SEEDLING.model_copy(update={"decision": SEEDLING.decision.model_copy(update={"by": "most_probable"})})
    calibration = calibrate(config, seedling_frame(300), config.decisions(), n_jobs=1)
    service, model = served_model(config, calibration, 300, tmp_path)
    contract, test = service.bundle.contract, seedling_frame(60, seed=9)
    expected = prediction_sets(contract, answers(model, to_rows(test, contract)))
    bodies = [to_json_row(row, contract) for row in test.to_dict("records")]
    sets = service.predict(json.dumps({"instances": bodies}).encode())["sets"]
    classes = contract.output.classes or ()
    assert [[label in labels for label in classes] for labels in sets] == expected.tolist()


def test_tables_change_no_byte_of_the_graph() -> None:
    """The graph of a contract with intervals is the graph without them."""
    frame = orchard_frame(150)
    pipeline = fit_pipeline(ORCHARD, frame)
    calibration = calibrate(ORCHARD, frame, ORCHARD.decisions(), n_jobs=1)
    graphs: list[onnx.ModelProto] = [
        export_pipeline(pipeline, ORCHARD.contract(interval=interval)) for interval in (None, calibration.interval)
    ]
    assert graphs[0].SerializeToString() == graphs[1].SerializeToString()
