"""The calls of a trial's parts for a request: an exception of theirs never breaks a prediction.

A split that raises leaves the request to the champion. An observer that raises does not count the answer. Both are counted in
``tabento_callback_errors``, and one of them each second is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from runners.work import Values
from serving.codec.rows import Rows

if TYPE_CHECKING:
    from serving.live_model import LiveModel

logger = logging.getLogger("tabento.serving")

LOG_PAUSE_S = 1.0
"""The seconds after a logged exception in which others are counted only: each request may raise one."""

_next_log_s = 0.0


def choose(model: LiveModel, head: bytes, key_id: str | None, client_address: str, request_id: bytes) -> LiveModel:
    """Return the version that answers a plain request of a model with a split; see ``serving.live_model.Split.choose``."""
    assert model.split is not None
    try:
        return model.split.choose(head, key_id, client_address, request_id)
    except Exception as error:
        survive(model, error, "the split", request_id)
        return model


def choose_by_headers(
    model: LiveModel,
    headers: Iterable[tuple[bytes, bytes]],
    key_id: str | None,
    client_address: str,
    request_id: bytes,
) -> LiveModel:
    """Return the version that answers any other request of a model with a split; see ``choose``."""
    assert model.split is not None
    try:
        return model.split.choose_by_headers(headers, key_id, client_address, request_id)
    except Exception as error:
        survive(model, error, "the split", request_id)
        return model


def choose_by_row(
    model: LiveModel, rows: Rows, key_id: str | None, client_address: str, request_id: bytes
) -> LiveModel:
    """Return the version that answers decoded rows of a model with a split; see ``choose``."""
    assert model.split is not None
    try:
        return model.split.choose_by_row(rows, key_id, client_address, request_id)
    except Exception as error:
        survive(model, error, "the split", request_id)
        return model


def count_answer(
    model: LiveModel, rows: Rows, values: Values, request_id: bytes, latency_s: float, from_cache: bool
) -> None:
    """Give an answer that was sent to the observer of its model; see ``serving.live_model.Observer``."""
    assert model.observer is not None
    try:
        model.observer.count_answer(rows.data, rows.count, values, request_id, latency_s, from_cache)
    except Exception as error:
        survive(model, error, "the observer", request_id)


def count_error(model: LiveModel, status: int, request_id: bytes) -> None:
    """Give an error that was sent to the observer of its model."""
    assert model.observer is not None
    try:
        model.observer.count_error(status)
    except Exception as error:
        survive(model, error, "the observer", request_id)


def survive(model: LiveModel, error: Exception, part: str, request_id: bytes) -> None:
    """Count an exception of a trial's part, and log it, at most one each second."""
    global _next_log_s
    model.batcher.stats.callback_errors += 1
    now_s = monotonic()
    if now_s < _next_log_s:
        return
    _next_log_s = now_s + LOG_PAUSE_S
    name = request_id.decode()
    logger.error(
        "request %s: %s of the trial of %s raised; the request is answered as usual",
        *(name, part, model.name),
        exc_info=error,
        extra={"request_id": name},
    )
