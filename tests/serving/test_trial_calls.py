"""Parts of a trial that raise: every request is answered as without them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import serving.trial_calls
from tests.bundles import TREE
from tests.serving.fastpath.raw_client import on_loop
from tests.serving.fleet.versions import ANSWER, VersionedService, versioned_service


class BrokenPart:
    """A split and an observer whose calls raise.

    Args:
        needs_rows: whether the first row decides.
    """

    def __init__(self, needs_rows: bool = False) -> None:
        self.needs_rows = needs_rows

    def choose(self, *arguments: Any) -> Any:
        """Raise an error."""
        raise OverflowError("the hash is too long")

    def choose_by_headers(self, *arguments: Any) -> Any:
        """Raise an error, unless the first row decides."""
        raise OverflowError("the hash is too long")

    def choose_by_row(self, *arguments: Any) -> Any:
        """Raise an error."""
        raise OverflowError("the hash is too long")

    def count_answer(self, *arguments: Any) -> None:
        """Raise an error."""
        raise OverflowError("the count is too large")

    def count_error(self, status: int) -> None:
        """Raise an error."""
        raise OverflowError("the count is too large")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[VersionedService]:
    """A running service of ``orchard:v1``."""
    with versioned_service(tmp_path, {"v1": 1.0}) as service:
        yield service


def test_a_broken_trial_breaks_no_request(
    service: VersionedService, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers and errors of both connections are sent; the exceptions are counted, and logged once a second."""
    monkeypatch.setattr(serving.trial_calls, "LOG_PAUSE_S", 3_600.0)
    monkeypatch.setattr(serving.trial_calls, "_next_log_s", 0.0)
    model = service.application.state.started_model()

    def break_trial(needs_rows: bool) -> None:
        model.split, model.observer = BrokenPart(needs_rows), BrokenPart()

    content = service.client.build_request("POST", "/predict", json=TREE).content
    invalid_row = service.client.build_request("POST", "/predict", json=TREE | {"trees": -1}).content
    for needs_rows in (False, True):
        on_loop(service.loop, partial(break_trial, needs_rows))
        for body, status in ((content, 200), (invalid_row, 422)):
            for is_plain in (True, False):
                answer = service.client.post("/predict", content=body if is_plain else iter([body]))
                assert answer.status_code == status, answer.text
                if status == 200:
                    assert answer.json()["prediction"] == ANSWER
    assert on_loop(service.loop, lambda: model.batcher.stats.callback_errors) >= 8
    lines = [record for record in caplog.records if "of the trial of orchard raised" in record.message]
    assert len(lines) == 1
