"""Repeated cross-validation gives a figure with an interval, and what a dropped column would bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabento.tables.faults import DataError
from tabento.tables.frames import to_rows
from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from tests.training.studies.evaluation.conftest import ROWS
from training.config import ConfigError, ModelConfig
from training.data.synthetic import generate
from training.data.validation import validate
from training.model.conformal import calibrate
from training.model.coverage import row_coverage
from training.model.cross_validation import FoldError, make_folds
from training.model.metrics import measure
from training.model.out_of_fold import predict_out_of_fold
from training.progress import silence
from training.stages.evaluation import evaluate
from training.studies.evaluation.results import EvaluationReport


def test_every_fold_of_every_repeat_counts(report: EvaluationReport) -> None:
    """Each metric has one value per fold and repeat, and the report has rows, folds and source."""
    assert (report.rows, report.folds, report.repeats, report.data) == (ROWS, 3, 2, "some trees")
    for variant in report.variants:
        assert {len(figure.folds) for figure in variant.figures.values()} == {6}
        assert variant.figures.keys() == variant.pooled.keys()
        assert "zero_targets" not in variant.figures


def test_figures_are_those_of_the_folds(report: EvaluationReport, orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """Metrics and pooled metrics equal a computation by hand from the out-of-fold answers."""
    frame = validate(trees, orchard)
    folds = make_folds(orchard, frame, 3, 2)
    answers = predict_out_of_fold(orchard, frame, orchard.decisions(), folds, n_jobs=1)
    truth = frame["apples"].to_numpy()
    by_hand = [
        measure(orchard, truth[held_out], got)["rmse"] for (_, held_out), got in zip(folds, answers, strict=True)
    ]
    assert report.variants[0].figures["rmse"].folds == pytest.approx(by_hand, rel=1e-12)
    r2 = []
    for repeat in (0, 3):
        answers_of_repeat = np.empty(len(truth))
        for number in range(repeat, repeat + 3):
            answers_of_repeat[folds[number][1]] = answers[number]
        r2.append(1 - np.sum((truth - answers_of_repeat) ** 2) / np.sum((truth - truth.mean()) ** 2))
    assert report.variants[0].pooled["r2"] == pytest.approx(np.mean(r2), rel=1e-12)


def test_column_with_the_answer_improves_the_metrics(report: EvaluationReport) -> None:
    """With a column that contains the target the error falls, and the interval of the difference is below zero."""
    plain, telling = report.variants
    assert (plain.name, telling.name) == ("as configured", "with hint")
    assert telling.columns == (*plain.columns, "hint")
    assert not plain.difference
    difference = telling.difference["rmse"]
    assert difference.high < 0
    assert difference.mean == pytest.approx(telling.figures["rmse"].mean - plain.figures["rmse"].mean)


def test_second_evaluation_gives_the_same_files(
    report: EvaluationReport, orchard: ModelConfig, trees: pd.DataFrame, folder: Path, tmp_path: Path
) -> None:
    """The same rows, config and seed give the same report, byte by byte."""
    evaluate(orchard, trees, orchard.decisions(), tmp_path, silence(), data="some trees", n_jobs=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["evaluation.json", "evaluation.md", "evaluation.png"]
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_decisions_are_fitted(
    report: EvaluationReport, orchard: ModelConfig, trees: pd.DataFrame, tmp_path: Path
) -> None:
    """Fewer columns in the decisions give other figures, and the report names the columns."""
    config = orchard.model_copy(update={"evaluation": orchard.evaluation.model_copy(update={"also_with": ()})})
    decisions = config.decisions().model_copy(update={"columns": ("slope", "pruned")})
    poorer = evaluate(config, trees, decisions, tmp_path, silence(), n_jobs=1)
    assert [variant.columns for variant in poorer.variants] == [("slope", "pruned")]
    assert poorer.variants[0].figures["rmse"].mean > report.variants[0].figures["rmse"].mean


def test_classification_is_measured_by_class(tmp_path: Path) -> None:
    """A classification has its own metrics, a threshold for each fold, and a picture."""
    config = seedling_config(
        estimator={"kind": "logistic_regression"}, evaluation={"folds": 3, "repeats": 1, "also_with": ()}
    )
    report = evaluate(config, generate(config.synthetic, rows=300), config.decisions(), tmp_path, silence(), n_jobs=1)
    figures = report.variants[0].figures
    assert figures["roc_auc"].mean > 0.7
    assert {"f1", "accuracy", "log_loss", "brier"} <= figures.keys()
    assert (tmp_path / "evaluation.png").stat().st_size > 5_000


def test_wrong_rows_are_reported(orchard: ModelConfig, trees: pd.DataFrame, tmp_path: Path) -> None:
    """Invalid rows end the evaluation before anything is fitted, and no file is written."""
    with pytest.raises(DataError, match="age"):
        evaluate(orchard, trees.assign(age=-1), orchard.decisions(), tmp_path, silence(), n_jobs=1)
    assert not list(tmp_path.iterdir())


def test_wrong_column_is_reported_before_anything_is_fitted(
    orchard: ModelConfig, trees: pd.DataFrame, tmp_path: Path
) -> None:
    """A column of also_with that is not there ends it at once."""
    with pytest.raises(ConfigError, match="also_with"):
        evaluate(orchard, trees.drop(columns="hint"), orchard.decisions(), tmp_path, silence(), n_jobs=1)


def test_more_folds_than_rows_of_a_class_are_refused(tmp_path: Path) -> None:
    """A class with fewer rows than folds cannot be in each fold."""
    config = seedling_config(evaluation={"folds": 50, "repeats": 1, "also_with": ()})
    with pytest.raises(FoldError, match="of each class"):
        evaluate(config, generate(config.synthetic, rows=60), config.decisions(), tmp_path, silence(), n_jobs=1)


def test_coverage_is_measured_on_rows_that_the_calibration_has_not_seen(trees: pd.DataFrame, tmp_path: Path) -> None:
    """Each fold is calibrated on its own training rows, and the report has the coverage of all rows and of each slice."""
    config = orchard_config(
        drop={"hint": "It follows from the answer."},
        evaluation={"folds": 3, "repeats": 2},
        estimator={"kind": "decision_tree", "params": {"max_depth": 4}},
        intervals={"coverage": 0.8, "by": "age", "parts": 2, "folds": 2},
    )
    report = evaluate(config, trees, config.decisions(), tmp_path, silence(), n_jobs=1)
    coverage = report.coverage
    assert coverage is not None
    assert coverage.promised == 0.8
    assert len(coverage.figures["interval_coverage"].folds) == 6
    frame = validate(trees, config)
    (train, held_out), *_ = make_folds(config, frame, 3, 2)
    answers = predict_out_of_fold(config, frame, config.decisions(), [(train, held_out)], n_jobs=1)[0]
    calibration = calibrate(config, frame.iloc[train], config.decisions(), n_jobs=1)
    contract = config.contract(interval=calibration.interval)
    truth = frame["apples"].to_numpy()[held_out]
    by_hand = row_coverage(contract, to_rows(frame.iloc[held_out], contract), truth, answers)
    assert by_hand is not None
    assert coverage.figures["interval_coverage"].folds[0] == by_hand.covered.mean()
    assert coverage.slices[0].rows == len(frame)
    mean = np.mean(coverage.figures["interval_coverage"].folds)
    assert coverage.slices[0].coverage == pytest.approx(mean, abs=0.01)
    assert sum(item.rows for item in coverage.slices if item.column == "age") == len(frame)
    page = (tmp_path / "evaluation.md").read_text(encoding="utf-8")
    assert "The prediction intervals promise 80%" in page
    assert f"| all rows |  | {len(frame)} | {coverage.slices[0].coverage:.1%} |" in page


def test_sets_are_evaluated_by_class(tmp_path: Path) -> None:
    """The coverage of prediction sets is reported for each class."""
    config = seedling_config(
        evaluation={"folds": 2, "repeats": 1},
        estimator={"kind": "decision_tree", "params": {"max_depth": 3}},
        decision={"by": "most_probable"},
        sets={"coverage": 0.8, "folds": 2},
    )
    report = evaluate(config, generate(config.synthetic, rows=200), config.decisions(), tmp_path, silence(), n_jobs=1)
    assert report.coverage is not None
    assert report.coverage.figures.keys() == {"set_coverage", "set_size"}
    assert {item.part for item in report.coverage.slices if item.column == "fate"} == {"alive", "died"}


def test_report_without_intervals_has_no_coverage(report: EvaluationReport) -> None:
    """Nothing is calibrated if the config asks for no intervals."""
    assert report.coverage is None
