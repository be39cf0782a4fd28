"""Live quality is shown by window, version, variant and slice, and exported as metrics."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.errors import RequestError
from monitoring.feedback.part import Feedback
from monitoring.process.monitor import Monitor
from monitoring.process.parts import build_parts
from monitoring.quality.build import build_feedback
from monitoring.quality.part import LiveQuality
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings
from serving.operations.metrics import FAMILIES
from tests.bundles import TREE
from tests.monitoring.feedback.answers import DAY_S, NOW_S, frost_contract, monitored, predicted_rows
from tests.servers import wait_until

SETTINGS = {"quality_min_rows": 20, "quality_windows": ("1d", "all")}


class Service:
    """Both parts, without a monitor around them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        values = MonitoringSettings.model_validate({"monitoring_folder": folder, **SETTINGS, **settings})
        parts = build_feedback(values)
        assert len(parts) == 2
        self.feedback: Feedback = parts[0]
        self.quality: LiveQuality = parts[1]
        self.feedback._clock = self.quality._clock = lambda: NOW_S

    def answer_rows(
        self,
        model: MonitoredModel,
        answers: Any,
        truths: Sequence[Any],
        *,
        rows: Sequence[dict[str, Any]] | None = None,
        prefix: str = "r",
        time_s: float = NOW_S - 10,
        predicted_s: float = NOW_S - DAY_S,
    ) -> None:
        """Answer rows and post their truths, the last one first."""
        ids = [f"{prefix}{number}" for number in range(len(truths))]
        if model not in self.feedback._models:
            self.feedback.add_model(model)
        self.feedback.add_rows(predicted_rows(model, ids, np.asarray(answers), rows=rows, time_s=predicted_s))
        items = [{"request_id": name, "truth": value, "time": time_s} for name, value in zip(ids, truths, strict=True)]
        content = json.dumps(items[::-1]).encode()
        answer = json.loads(asyncio.run(self.feedback.answer("feedback", {}, content)).content)
        assert answer["joined"] == len(truths)

    def ask(self, **query: str) -> dict[str, Any]:
        """Ask for the quality."""
        content: dict[str, Any] = json.loads(asyncio.run(self.quality.answer("quality", query, b"")).content)
        return content

    def close(self) -> None:
        """Close both parts."""
        self.feedback.close()
        self.quality.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service without truths."""
    service = Service(tmp_path)
    yield service
    service.close()


def test_the_rmse_is_exact(service: Service) -> None:
    """RMSE and MAE of the store are those of the numbers themselves, to the last digit."""
    generator = np.random.default_rng(0)
    answers, truths = generator.normal(size=500) / 3, (generator.normal(size=500) / 7).tolist()
    service.answer_rows(monitored(metrics={"rmse": 0.36, "test_rows": 1000}), answers, truths)
    (model,) = service.ask(window="all")["models"]
    (target,) = model["targets"]
    errors = answers - np.array(truths)
    assert target["metrics"]["rmse"]["value"] == math.sqrt(math.fsum(errors * errors) / 500)
    assert target["metrics"]["mae"]["value"] == math.fsum(np.abs(errors)) / 500
    assert target["metrics"]["rmse"]["test"] == 0.36
    assert target["metrics"]["rmse"]["verdict"] == "same"
    assert (model["model"], model["version"], model["variant"], model["rows"]) == ("orchard", "v1", "champion", 500)
    assert (target["name"], target["unit"], target["loss"]) == ("apples", "kg", "mae")


def test_absurd_truths_do_not_stop_the_figures(service: Service) -> None:
    """The largest and the smallest numbers give figures or none, but never an error or a value that is not a number."""
    service.answer_rows(monitored(), [1e100, 1.0, -1e100, 2.0], [-1e100, 5e-324, 1e100, 1e-300])
    metrics = service.ask()["models"][0]["targets"][0]["metrics"]
    assert metrics["rmse"]["value"] == pytest.approx(math.sqrt(2) * 1e100)
    assert all(figure["value"] is not None for figure in metrics.values())
    assert "mape" not in metrics


def test_versions_and_variants_are_apart(service: Service) -> None:
    """A version that was challenger and champion has two figures; a question can name one version."""
    service.answer_rows(monitored(), [1.0] * 3, [2] * 3, prefix="a")
    service.answer_rows(monitored(variant="challenger"), [1.0] * 4, [4] * 4, prefix="b")
    service.answer_rows(monitored(version="v2"), [1.0] * 5, [1] * 5, prefix="c")
    models = service.ask()["models"]
    figures = [(m["version"], m["variant"], m["rows"], m["targets"][0]["metrics"]["mae"]["value"]) for m in models]
    assert figures == [("v1", "challenger", 4, 3.0), ("v1", "champion", 3, 1.0), ("v2", "champion", 5, 0.0)]
    assert [m["version"] for m in service.ask(version="v2")["models"]] == ["v2"]
    assert service.ask(version="v9")["models"] == []


def test_a_window_is_about_truths_or_predictions(service: Service) -> None:
    """A truth of today about a row of last week is in the day's window by truth only."""
    service.answer_rows(monitored(), [1.0] * 3, [2] * 3, predicted_s=NOW_S - 7 * DAY_S)
    assert len(service.ask(window="1d")["models"]) == 1
    assert service.ask(window="1d", by="prediction")["models"] == []
    assert len(service.ask(window="8d", by="prediction")["models"]) == 1


def test_a_bad_slice_comes_first(service: Service) -> None:
    """A slice whose loss is beyond chance is marked; few rows and chance are not."""
    rows = [{**TREE, "sort": ("COX", "BOSKOOP")[number % 2], "soil": "clay"} for number in range(200)]
    noise = np.random.default_rng(0).normal(size=200)
    answers = [5.0 * noise[number] if number % 2 else noise[number] for number in range(200)]
    service.answer_rows(monitored(), answers, [0] * 200, rows=rows)
    slices = service.ask()["models"][0]["targets"][0]["slices"]
    assert (slices[0]["feature"], slices[0]["value"], slices[0]["rows"], slices[0]["worse"]) == (
        "sort",
        "BOSKOOP",
        100,
        True,
    )
    assert [item["worse"] for item in slices[1:]] == [False] * (len(slices) - 1)
    assert {item["feature"] for item in slices} == {"age", "pruned", "sort", "soil"}
    assert service.ask(slices="false")["models"][0]["targets"][0]["slices"] == []


def test_a_classification_has_its_metrics(service: Service) -> None:
    """Labels and probabilities are measured; labels may be sent in any order."""
    generator = np.random.default_rng(0)
    frost = generator.random(300)
    truths = ["frost" if draw < share else "calm" for draw, share in zip(generator.random(300), frost, strict=True)]
    answers = np.column_stack([frost >= 0.5, 1 - frost, frost])
    service.answer_rows(monitored(frost_contract(), metrics={"roc_auc": 0.95, "test_rows": 5000}), answers, truths)
    (target,) = service.ask(model="frost")["models"][0]["targets"]
    assert {"f1", "roc_auc", "precision", "recall", "brier", "calibration_error"} <= target["metrics"].keys()
    assert target["metrics"]["roc_auc"]["verdict"] == "worse"
    assert target["loss"] == "log_loss"


def test_the_store_is_told_with_each_answer(service: Service) -> None:
    """Truths that wait or do not fit are counted, so that few figures are explained."""
    service.answer_rows(monitored(), [1.0], [2])
    for truth in (b'{"request_id": "unknown", "truth": 1}', b'{"request_id": "r0", "truth": "x"}'):
        asyncio.run(service.feedback.answer("feedback", {}, truth))
    answer = service.ask()
    assert answer["models"] == []
    assert answer["feedback"] == {"joined": 0, "waiting": 1, "mismatches": 1, "newest": "2027-01-15T08:00:00Z"}


def test_estimates_are_added(service: Service) -> None:
    """Another part adds figures without truths; its failure is not the answer's."""
    service.answer_rows(monitored(), [1.0], [2])

    def fail(name: str) -> dict[str, Any]:
        raise RuntimeError(name)

    service.quality.extra += [fail, lambda name: {"rmse": {"value": 1.5}}, lambda name: {}]
    assert service.ask()["estimates"] == {"orchard": {"rmse": {"value": 1.5}}}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"windows": "1d"}, 422),
        ({"window": "x"}, 422),
        ({"slices": "some"}, 422),
        ({"confidence": "1"}, 422),
        ({"confidence": "nan"}, 422),
        ({"confidence": "x"}, 422),
        ({"model": "nobody"}, 404),
    ],
)
def test_a_wrong_question_is_refused(service: Service, query: dict[str, str], status: int) -> None:
    """The status says whether the question or the name is wrong."""
    with pytest.raises(RequestError) as raised_error:
        service.ask(**query)
    assert raised_error.value.status == status


def test_metrics_need_enough_truths(service: Service) -> None:
    """Windows with fewer truths than ``quality_min_rows`` export their number of rows only."""
    service.answer_rows(monitored(metrics={"rmse": 0.1}), [1.0 + number % 2 for number in range(30)], [4] * 30)
    service.answer_rows(monitored(version="v2"), [1.0] * 5, [2] * 5, prefix="x")
    service.quality.tick(NOW_S)
    wait_until(lambda: bool(service.quality.numbers()), "the metrics")
    numbers = service.quality.numbers()
    labels = ("orchard", "v1", "champion")
    assert numbers["tabento_live_quality"][*labels, "rmse", "1d"] == math.sqrt((9 + 4) / 2)
    assert numbers["tabento_live_quality_worse"][*labels, "rmse", "all"] == 1.0
    assert numbers["tabento_live_quality_rows"][*labels, "all"] == 30
    assert numbers["tabento_live_quality_rows"]["orchard", "v2", "champion", "all"] == 5
    assert {key[1] for key in numbers["tabento_live_quality"]} == {"v1"}


def test_a_store_that_fails_leaves_the_last_metrics(tmp_path: Path) -> None:
    """A question gets 503, and the metrics stay."""
    place = tmp_path / "no folder"
    place.write_text("a file")
    service = Service(place)
    with pytest.raises(RequestError) as raised_error:
        service.ask()
    assert raised_error.value.status == 503
    service.quality.tick(NOW_S)
    service.close()
    assert service.quality.numbers() == {}


def test_the_parts_belong_to_the_monitor(tmp_path: Path) -> None:
    """The monitor process has both parts, unless a setting says otherwise."""
    parts = build_parts(MonitoringSettings(monitoring_folder=tmp_path))
    monitor = Monitor(parts, FAMILIES)
    assert {"feedback", "quality"} <= {part.name for part in monitor.parts}
    for part in parts:
        part.close()
    without = build_parts(MonitoringSettings(monitoring_folder=tmp_path, feedback=False))
    assert not {"feedback", "quality"} & {part.name for part in without}
