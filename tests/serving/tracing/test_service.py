"""Traces reach a collector, or the start is refused, and the error names the missing part."""

from __future__ import annotations

import signal
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest

from serving.application import Application
from serving.cors import with_options
from serving.settings import ServingSettings, SettingsError
from serving.tracing import check as tracing
from serving.tracing.check import EXPORTER_PACKAGE, check_tracing
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.tracing.collector import collecting
from tests.test_start import END_S, failed_start, started

pytestmark = pytest.mark.slow

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on OpenTelemetry's variables of who runs it."""
    for name in tracing.ENDPOINT_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("both_servers")
def test_a_service_sends_its_spans(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Each prediction becomes a span that continues the caller's trace; all have arrived when the service has stopped."""
    with collecting() as collector:
        environment = {
            "BENTOML_HOME": str(session_store),
            "TABENTO_MODEL": linear_bundle,
            "TABENTO_TRACING_SAMPLE_RATE": "1",
            "TABENTO_TRACING_ENDPOINT": collector.endpoint,
        }
        with started(tmp_path, environment) as service:
            wait_until(service.is_ready, "the service to get ready")
            for flags in ("01", "00"):
                headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-{flags}"}
                answer = httpx.post(f"{service.address}/predict", json=TREE, headers=headers, timeout=30)
                assert answer.status_code == 200
            service.predict(1)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(END_S) == 0
        predictions = [span for span in collector.spans() if span.name == "POST /predict"]
        assert len(predictions) == 2, "a caller that does not trace its request decides so for the service as well"
        (continued,) = (span for span in predictions if span.trace_id.hex() == TRACE_ID)
        assert continued.parent_span_id.hex() == PARENT_ID
        assert continued.end_time_unix_nano > continued.start_time_unix_nano
        names = {
            attribute.value.string_value
            for exported_span in collector.received
            for attribute in exported_span.resource.attributes
        }
        assert "tabento" in names


@pytest.mark.usefixtures("both_servers")
def test_a_collector_that_is_gone_costs_spans_only(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Where nobody takes the spans, predictions are answered and the service stops as usual."""
    with collecting() as collector:
        pass
    environment = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_TRACING_SAMPLE_RATE": "1",
        "TABENTO_TRACING_ENDPOINT": collector.endpoint,
    }
    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        service.predict(3)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_S) == 0


def test_a_rate_without_an_endpoint_ends_the_start(tmp_path: Path, session_store: Path, linear_bundle: str) -> None:
    """Spans that would go nowhere are a mistake, and the last line says what to set."""
    environment = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_TRACING_SAMPLE_RATE": "0.5",
    }
    code, last = failed_start(tmp_path, environment)
    assert code == 1
    assert "tracing_sample_rate is 0.5, but no collector is set: set tracing_endpoint" in last


def test_a_rate_without_the_exporter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the file that installs the exporter."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(tracing, "version", missing)
    settings = ServingSettings(tracing_sample_rate=0.1, tracing_endpoint="http://localhost:4318/v1/traces")
    with pytest.raises(SettingsError, match=rf"{EXPORTER_PACKAGE} is not installed: install requirements/tracing.txt"):
        check_tracing(settings)


def test_opentelemetrys_own_variable_is_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has set the exporter's variable for all services of a machine need not say it again."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    check_tracing(ServingSettings(tracing_sample_rate=1.0))


def test_without_a_rate_nothing_stands_around_the_application(application: Application) -> None:
    """Tracing that is off costs nothing: the application has no tracer, and no layer around it."""
    assert with_options(application, ServingSettings()) is application
    assert application.tracer is None


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", "http://"])
def test_an_impossible_endpoint_is_refused(endpoint: str) -> None:
    """The endpoint is an http or https address."""
    with pytest.raises(ValueError, match="tracing_endpoint"):
        ServingSettings(tracing_endpoint=endpoint)
