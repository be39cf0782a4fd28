"""A model on the event loop: admission by length, decoding that admission learns from, and the errors of the runner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.admission import Admission
from runners.errors import DrainingError, ExpiredError, GoneError, InferenceError, QueueFullError
from serving.errors import (
    ClientGoneError,
    DeadlineError,
    InternalError,
    InvalidError,
    OverloadedError,
    ServingError,
    UnavailableError,
)
from serving.live_model import SINGLE_ROW_FACTOR, LiveModel
from serving.model import ServedModel
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics
from serving.settings import ServingSettings
from tabento.bundle.store import read_bundle
from tests.bundles import TREE, tagged_contract, write_bundle


def _run_on_loop(served_model: ServedModel, function: Callable[[LiveModel], Any]) -> Any:
    """Return the result of a function of a live model on a running event loop."""

    async def run() -> Any:
        accounting = RequestAccounting(Metrics(), None)
        model = LiveModel(served_model, ServingSettings(), accounting, asyncio.get_running_loop())
        try:
            result = function(model)
            return await result if asyncio.iscoroutine(result) else result
        finally:
            model.close()

    return asyncio.run(run())


@pytest.fixture
def served_model(tmp_path: Path) -> ServedModel:
    """The orchard's model, loaded."""
    return ServedModel(read_bundle(write_bundle(tmp_path / "bundle"), "orchard:v1"), ServingSettings())


def test_a_request_is_admitted_by_the_number_of_rows_that_its_length_suggests(
    served_model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body up to 1.5 times as long as the example is one row; a longer one is divided by the example's length."""
    row_bytes = len(str(served_model.bundle.examples[0]))

    def admitted_rows(model: LiveModel) -> list[float]:
        rows: list[float] = []

        def admit(admission: Admission, n_rows: float) -> bool:
            rows.append(n_rows)
            return True

        monkeypatch.setattr(Admission, "admit", admit)
        for length in (0, row_bytes, int(SINGLE_ROW_FACTOR * row_bytes), 10 * row_bytes):
            assert model.admit(length)
        return rows

    assert _run_on_loop(served_model, admitted_rows) == [1.0, 1.0, 1.0, 10.0]


def test_a_request_over_the_budget_is_counted(served_model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that admission refuses is counted as shed with the reason ``budget``."""

    def shed(model: LiveModel) -> dict[str, int]:
        monkeypatch.setattr(Admission, "admit", lambda admission, n_rows: False)
        assert not model.admit(100)
        return model.accounting.metrics.shed

    assert _run_on_loop(served_model, shed) == {"budget": 1}


def test_admission_learns_the_decoding_of_many_rows(served_model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of decoded rows is reported if a body has more than one; a single row is part of a request's cost."""

    async def count_decoded(model: LiveModel) -> list[int]:
        counts: list[int] = []
        monkeypatch.setattr(Admission, "decoded", lambda admission, n_rows, seconds: counts.append(n_rows))
        for rows in (TREE, {"instances": [TREE]}, {"instances": [TREE] * 3}):
            await model.decode(json.dumps(rows).encode(), False)
        return counts

    assert _run_on_loop(served_model, count_decoded) == [3]


def test_admission_learns_the_cost_of_an_invalid_body(
    served_model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that is refused is reported with the number of rows that its length suggests."""

    async def estimate_rejected(model: LiveModel) -> list[float]:
        estimates: list[float] = []
        monkeypatch.setattr(Admission, "rejected", lambda admission, n_rows, seconds: estimates.append(n_rows))
        with pytest.raises(InvalidError):
            await model.decode(json.dumps({**TREE, "age": "old"}).encode(), False)
        return estimates

    assert _run_on_loop(served_model, estimate_rejected) == [1.0]


def test_an_answer_repeats_identifiers_only_if_the_contract_has_them(served_model: ServedModel, tmp_path: Path) -> None:
    """The encoder adds the identifiers of the rows to an answer of a contract that declares identifiers."""
    tagged_bundle = read_bundle(write_bundle(tmp_path / "tagged", tagged_contract()), "orchard:v1")
    answers = {}
    for bundle_model in (served_model, ServedModel(tagged_bundle, ServingSettings())):
        contract = bundle_model.bundle.contract
        body = json.dumps(bundle_model.bundle.examples[0]).encode()

        async def answer(model: LiveModel, body: bytes = body) -> Any:
            return json.loads(model.encode([1.5], await model.decode(body, False), b"call-7"))

        answers[bool(contract.identifiers)] = _run_on_loop(bundle_model, answer)
    assert answers[False].keys() == {"prediction", "model", "version", "request_id"}
    assert answers[True].keys() > answers[False].keys()


ERRORS: dict[str, tuple[Exception | None, float | None, type[Exception], dict[str, int]]] = {
    "late": (ExpiredError(), None, OverloadedError, {"expired": 1}),
    "later than the caller waits": (ExpiredError(), 20.0, DeadlineError, {}),
    "full": (QueueFullError("full"), 20.0, OverloadedError, {"queue_full": 1}),
    "draining": (DrainingError(), None, UnavailableError, {}),
    "disconnected": (GoneError(), None, ClientGoneError, {}),
    "defect": (None, None, InternalError, {}),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_of_the_runner_has_one_meaning_for_the_client(served_model: ServedModel, case: str) -> None:
    """Each reason for missing predictions is one error of the service, and overload is counted by its reason."""
    error, deadline_ms, kind, shed = ERRORS[case]

    def explained(model: LiveModel) -> tuple[Any, dict[str, int]]:
        return model.explain(error, deadline_ms, b"call-7"), model.accounting.metrics.shed

    explanation, counted = _run_on_loop(served_model, explained)
    assert type(explanation) is kind
    assert counted == shed


def test_a_row_on_which_the_model_fails_is_named(served_model: ServedModel) -> None:
    """The error of a failed row has the index of the row, and not the text of the failure."""
    error = InferenceError("secret", 3)
    explanation: ServingError = _run_on_loop(served_model, lambda model: model.explain(error, None, b"call-7"))
    assert [detail.row for detail in explanation.details] == [3]
    assert b"secret" not in explanation.body("call-7")


def test_the_openapi_document_is_built_when_it_is_asked_for(served_model: ServedModel) -> None:
    """A fleet of models does not keep documents that nobody reads; the document is built once."""

    def documents(model: LiveModel) -> tuple[bool, bool]:
        is_built = "openapi" in vars(model)
        return is_built, model.openapi is model.openapi

    assert _run_on_loop(served_model, documents) == (False, True)


def test_a_model_counts_its_requests(served_model: ServedModel) -> None:
    """The count shows which models are used; a refused request is a use as well."""

    def uses(model: LiveModel) -> int:
        model.admit(10)
        model.admit_rows(10.0)
        return model.uses

    assert _run_on_loop(served_model, uses) == 2
