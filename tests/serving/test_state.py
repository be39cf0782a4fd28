"""The state of the service: which model answers, and whether new predictions are accepted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from serving.errors import CLOSE_HEADER, UnavailableError
from serving.live_model import LiveModel
from serving.routes.paths import PREDICT_PATHS, model_paths
from serving.state import ServiceState

MODEL = cast(LiveModel, SimpleNamespace(name="orchard", bundle=SimpleNamespace(version="v1")))
"""The state reads the name and the version of a model only."""


def _refusal(call: Any) -> UnavailableError:
    with pytest.raises(UnavailableError) as refusal:
        call()
    return refusal.value


def test_a_service_without_a_model_accepts_no_predictions() -> None:
    """Before a model is set, both questions for it are refused, and the fast path admits no path."""
    state = ServiceState()
    assert state.admitting == {}
    for call in (state.ready_model, state.started_model):
        assert "not loaded yet" in _refusal(call).message


def test_a_model_answers_on_every_prediction_path() -> None:
    """A model that is set answers new requests, and the dictionary that the fast path keeps has it for each path."""
    state = ServiceState()
    fast_path_models = state.admitting
    state.set_model(MODEL)
    assert state.ready_model() is state.started_model() is MODEL
    assert fast_path_models == dict.fromkeys((*PREDICT_PATHS, *model_paths("orchard")), MODEL)


def test_a_draining_service_answers_only_requests_that_have_started() -> None:
    """During a drain a new request is refused and its connection closed; a request that began earlier has its model."""
    state = ServiceState()
    fast_path_models = state.admitting
    state.set_model(MODEL)
    state.start_draining()
    refusal = _refusal(state.ready_model)
    assert "stopping" in refusal.message
    assert CLOSE_HEADER in refusal.headers
    assert state.started_model() is MODEL
    assert fast_path_models == {}


def test_a_leaving_service_is_not_ready_and_still_answers() -> None:
    """A service that leaves fails the check of readiness, while new requests have their model on both paths."""
    state = ServiceState()
    state.set_model(MODEL)
    state.check_ready()
    state.start_leaving()
    assert "stopping" in _refusal(state.check_ready).message
    assert state.ready_model() is MODEL
    assert state.admitting != {}
    assert not state.is_draining


def test_a_model_that_is_loaded_during_a_drain_admits_nothing() -> None:
    """A service that is asked to stop while it loads accepts no predictions when the model is ready."""
    state = ServiceState()
    state.start_draining()
    state.set_model(MODEL)
    assert state.admitting == {}
    _refusal(state.ready_model)


def test_a_removed_model_is_returned_once() -> None:
    """The model that answered is returned to be closed; a second removal returns None, and every request is refused."""
    state = ServiceState()
    state.set_model(MODEL)
    assert state.remove_models() == [MODEL]
    assert state.remove_models() == []
    assert state.is_draining
    assert "stopping" in _refusal(state.started_model).message
