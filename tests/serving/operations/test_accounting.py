"""The accounting of requests: counters, the access log, and the end of a drain."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

import pytest

from serving.errors import Detail, InvalidError, MalformedError
from serving.fastpath.error import ProtocolError
from serving.operations.access_log import AccessLog
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics


@pytest.fixture
def accounting() -> RequestAccounting:
    """An accounting without an access log."""
    return RequestAccounting(Metrics(), None)


def _finish(accounting: RequestAccounting, status: int = 200, route: str = "/predict") -> None:
    accounting.finish("POST", route, "/predict", status, perf_counter(), b"call-7")


def test_requests_are_counted_by_route_and_status(accounting: RequestAccounting) -> None:
    """Each finished request increments the counter of its route and its status by one."""
    for status in (200, 503, 200):
        _finish(accounting, status)
    _finish(accounting, 404, "unknown")
    assert accounting.metrics.answered == {("/predict", 200): 2, ("/predict", 503): 1, ("unknown", 404): 1}


def test_a_finished_request_is_one_line_of_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    """The access log has the path of the request, also if the request is counted under another route."""
    accounting = RequestAccounting(Metrics(), AccessLog())
    access_logger = logging.getLogger("tabento.access")
    access_logger.handlers[:], handlers = [caplog.handler], access_logger.handlers[:]
    try:
        _finish(accounting, 404, "unknown")
    finally:
        access_logger.handlers[:] = handlers
    (record,) = caplog.records
    fields = record.access_fields  # type: ignore[attr-defined]
    assert (fields["path"], fields["status"], fields["request_id"]) == ("/predict", 404, "call-7")


def test_an_idle_service_reports_it_immediately(accounting: RequestAccounting) -> None:
    """If no request is in flight, a callback for that is called before ``when_idle`` returns."""
    calls: list[str] = []
    accounting.when_idle(lambda: calls.append("idle"))
    assert calls == ["idle"]


def test_the_last_request_in_flight_reports_an_idle_service(accounting: RequestAccounting) -> None:
    """Each callback is called once, when the last of the requests in flight is finished."""
    calls: list[str] = []
    accounting.metrics.in_flight = 2
    accounting.when_idle(lambda: calls.append("first"))
    accounting.when_idle(lambda: calls.append("second"))
    calls_by_request = []
    for _ in range(3):
        accounting.metrics.in_flight = max(accounting.metrics.in_flight - 1, 0)
        _finish(accounting)
        calls_by_request.append(list(calls))
    assert calls_by_request == [[], ["first", "second"], ["first", "second"]]


def test_a_body_that_is_arriving_keeps_the_service_from_being_idle(accounting: RequestAccounting) -> None:
    """A request whose body arrives is in flight; when it has arrived, the prediction has one pass to begin."""
    calls: list[str] = []

    async def receive(is_predicted: bool) -> list[str]:
        calls.clear()
        accounting.start_receiving()
        accounting.when_idle(lambda: calls.append("idle"))
        accounting.stop_receiving()
        assert calls == []
        accounting.metrics.in_flight += is_predicted
        await asyncio.sleep(0)
        return list(calls)

    assert asyncio.run(receive(is_predicted=False)) == ["idle"]
    assert asyncio.run(receive(is_predicted=True)) == []


def test_refused_fields_have_a_bounded_number_of_labels(accounting: RequestAccounting) -> None:
    """A field counts once for a request; fields that the contract does not have share the label ``other``."""
    details = [Detail(row, field, "a number", "'x'") for field in ("age", "a", "b") for row in (0, 1)]
    accounting.count_invalid(InvalidError("two rows", details), frozenset({"age", "height"}))
    assert accounting.metrics.invalid_fields == {"age": 1, "other": 2}


def test_a_request_that_cannot_be_framed_is_counted_with_its_reason(accounting: RequestAccounting) -> None:
    """A protocol error counts under its reason, and as an answer of the route ``unknown``."""
    accounting.count_protocol_error(ProtocolError("host", MalformedError("Expected one Host header.")))
    assert accounting.metrics.protocol_errors == {"host": 1}
    assert accounting.metrics.answered == {("unknown", 400): 1}


def test_shed_requests_are_counted_by_reason(accounting: RequestAccounting) -> None:
    """Each refusal for load increments the counter of its reason, and each answer of the watchdog its own counter."""
    for reason in ("budget", "expired", "budget"):
        accounting.count_shed(reason)
    accounting.count_watchdog()
    assert accounting.metrics.shed == {"budget": 2, "expired": 1}
    assert accounting.metrics.watchdog == 1
