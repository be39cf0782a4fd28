"""The losses of both arms of a rollout come from feedback, of a shadow also for the rows that clients got from the champion."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.feedback.answered_model import AnsweredModel, answered_model
from monitoring.feedback.slicing import Codes
from monitoring.quality.arm_losses import LOSSES, STATS, row_losses
from monitoring.quality.measure import JoinedRows
from monitoring.quality.part import ARMS_S
from monitoring.rows import MonitoredModel
from tests.bundles import classifier_contract
from tests.monitoring.feedback.answers import NOW_S, frost_contract, monitored, predicted_rows
from tests.monitoring.quality.test_part import Service

CHAMPION, CHALLENGER = monitored(), monitored(version="v2", variant="challenger")


class ArmService(Service):
    """Feedback and quality of a model with a champion and a challenger."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.now_s = NOW_S
        for model in (CHAMPION, CHALLENGER):
            self.add_model(model)

    def add_model(self, model: MonitoredModel) -> None:
        """Describe a model to both parts."""
        self.feedback.add_model(model)
        self.quality.add_model(model)

    def predict(self, model: MonitoredModel, answers: dict[str, float], predicted_s: float = NOW_S - 60) -> None:
        """Record answers by request id."""
        rows = predicted_rows(model, list(answers), np.array(list(answers.values())), time_s=predicted_s)
        self.feedback.add_rows(rows)

    def post(self, truths: dict[str, float], time_s: float = NOW_S) -> dict[str, Any]:
        """Post truths by request id."""
        content = json.dumps([{"request_id": name, "truth": value, "time": time_s} for name, value in truths.items()])
        answer: dict[str, Any] = json.loads(asyncio.run(self.feedback.answer("feedback", {}, content.encode())).content)
        return answer

    def losses(self, variant: str, version: str) -> tuple[int, float, float]:
        """Return the sums of an arm after the next look."""
        self.now_s += ARMS_S
        self.quality.tick(self.now_s)
        assert self.quality._update is not None
        self.quality._update.result()
        series = self.quality.numbers().get(LOSSES.name, {})
        count, total, squares = (series.get(("orchard", version, variant, stat), 0.0) for stat in STATS)
        return int(count), total, squares


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ArmService]:
    """A service in a rollout."""
    service = ArmService(tmp_path)
    yield service
    service.close()


def test_canary_has_losses_of_both_arms(service: ArmService) -> None:
    """Each request of a canary has one answer, and its loss belongs to the arm that gave it."""
    service.predict(CHAMPION, {"a": 1.0, "b": 2.0})
    service.predict(CHALLENGER, {"c": 5.0})
    service.post({"a": 2.0, "b": 4.0, "c": 8.0})
    assert service.losses("champion", "v1") == (2, 3.0, 5.0)
    assert service.losses("challenger", "v2") == (1, 3.0, 9.0)


def test_shadow_joins_a_truth_with_both_answers(service: ArmService) -> None:
    """The truth of a row belongs to the champion's answer, which the client got, and to the challenger's in the shadow."""
    service.predict(CHAMPION, {"a": 1.0})
    service.predict(CHALLENGER, {"a": 4.0})
    assert service.post({"a": 2.0})["joined"] == 1
    assert service.losses("champion", "v1") == (1, 1.0, 1.0)
    assert service.losses("challenger", "v2") == (1, 2.0, 4.0)
    models = {(model["version"], model["variant"]): model for model in service.ask(window="all")["models"]}
    assert models["v1", "champion"]["rows"] == models["v2", "challenger"]["rows"] == 1
    (stored,) = service.quality._store.truths(0, float("inf"))
    assert stored["variant"] == "champion"


def test_correction_changes_both_losses(service: ArmService) -> None:
    """A corrected truth counts for both answers."""
    service.predict(CHAMPION, {"a": 1.0})
    service.predict(CHALLENGER, {"a": 4.0})
    service.post({"a": 2.0}, NOW_S - 10)
    service.post({"a": 5.0}, NOW_S)
    assert service.losses("champion", "v1") == (1, 4.0, 16.0)
    assert service.losses("challenger", "v2") == (1, 1.0, 1.0)


def test_truth_that_fits_neither_model_is_no_loss(service: ArmService) -> None:
    """A text for a number is a mismatch of both answers."""
    service.predict(CHAMPION, {"a": 1.0})
    service.predict(CHALLENGER, {"a": 4.0})
    content = json.dumps([{"request_id": "a", "truth": "many", "time": NOW_S}]).encode()
    answer = json.loads(asyncio.run(service.feedback.answer("feedback", {}, content)).content)
    assert len(answer["mismatches"]) == 1
    assert service.losses("challenger", "v2") == (0, 0.0, 0.0)


def test_champion_is_compared_since_the_rollout_began(service: ArmService) -> None:
    """Answers from before the challenger's first one say nothing about the difference of the arms."""
    service.predict(CHAMPION, {"old": 100.0}, NOW_S - 10_000)
    service.predict(CHALLENGER, {"b": 3.0}, NOW_S - 100)
    service.predict(CHAMPION, {"c": 1.0}, NOW_S - 50)
    service.post({"old": 1.0, "b": 2.0, "c": 2.0})
    assert service.losses("champion", "v1") == (1, 1.0, 1.0)


def test_deleted_truths_take_their_shadows_along(service: ArmService) -> None:
    """Nothing of a row is left after its time in the store."""
    service.predict(CHAMPION, {"a": 1.0})
    service.predict(CHALLENGER, {"a": 4.0})
    service.post({"a": 2.0})
    store = service.quality._store
    assert store.delete_before(NOW_S + 1) == 1
    assert store._database.query("SELECT count(*) FROM tabento_shadow_answers") == [(0,)]
    assert service.losses("challenger", "v2") == (0, 0.0, 0.0)


def test_no_losses_without_a_challenger(service: ArmService) -> None:
    """The promotion of the challenger ends the comparison, and the family has no values."""
    service.predict(CHALLENGER, {"a": 1.0})
    service.post({"a": 2.0})
    assert service.losses("challenger", "v2")[0] == 1
    service.add_model(monitored(version="v2"))
    assert LOSSES.name not in service.quality.numbers()


def joined_rows(model: AnsweredModel, answers: list[list[float]], actual: list[list[float]]) -> JoinedRows:
    """Return joined rows without slices."""
    codes: Codes = np.empty((len(actual), 0), np.int16)
    return JoinedRows(model, "champion", np.array(answers), np.array(actual), codes, False)


def test_loss_of_a_label_is_the_brier_score_or_the_error() -> None:
    """With probabilities the loss is the squared distance from the truth; without, it is 0 or 1."""
    with_probabilities = answered_model(monitored(frost_contract()))
    rows = joined_rows(with_probabilities, [[1.0, 0.2, 0.8], [0.0, 1.0, 0.0]], [[1.0], [1.0]])
    np.testing.assert_allclose(row_losses(rows), [2 * 0.2**2, 2.0])
    labels_only = answered_model(monitored(classifier_contract(("a", "b"), probabilities=False)))
    np.testing.assert_array_equal(row_losses(joined_rows(labels_only, [[0.0], [1.0]], [[0.0], [0.0]])), [0.0, 1.0])


def test_loss_of_several_targets_is_the_mean_of_the_known_ones() -> None:
    """A truth with one of two targets has the loss of this target; a row without any finite loss is omitted."""
    model = answered_model(monitored())
    model.targets = [model.targets[0], model.targets[0]]
    model.several = True
    rows = joined_rows(model, [[1.0, 2.0], [1.0, 2.0], [np.inf, 2.0]], [[2.0, 5.0], [np.nan, 4.0], [1.0, np.nan]])
    np.testing.assert_array_equal(row_losses(rows), [2.0, 2.0])
