"""Optional traces: a span for each sampled request, sent to a collector by OTLP over HTTP.

BentoML has tracing too, but its exporters must be configured in a separate file, and every request pays for them even if it is
not traced. So it stays off (`serving.bento.lean_config`) and OpenTelemetry's SDK is used directly. The exporter
is not among the packages of a service; the group `tracing` has it.
"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from serving.http import App, Message, Receive, Scope, Send
from serving.settings import ServingSettings, SettingsError
from tabento.bundle.numbers import number_text

EXPORTER_PACKAGE = "opentelemetry-exporter-otlp-proto-http"
ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""OpenTelemetry's own variables, which the exporter reads if the setting is empty."""
EXPORT_S = 5.0
"""The seconds that one attempt to reach the collector may take, also when the service stops."""


def check_tracing(settings: ServingSettings) -> None:
    """Refuse settings with which traces would be recorded but not sent.

    Raises:
        SettingsError: `tracing_sample_rate` is above 0 but there is no endpoint or no exporter.
    """
    if not settings.tracing_sample_rate:
        return
    if settings.tracing_endpoint is None and not any(os.environ.get(name) for name in ENDPOINT_VARIABLES):
        raise SettingsError(
            f"tracing_sample_rate is {number_text(settings.tracing_sample_rate)}, but no collector is set: set"
            " tracing_endpoint to the address of a collector, such as http://localhost:4318/v1/traces, or set the rate to 0."
        )
    try:
        version(EXPORTER_PACKAGE)
    except PackageNotFoundError as error:
        raise SettingsError(
            f"tracing_sample_rate is {number_text(settings.tracing_sample_rate)}, but {EXPORTER_PACKAGE} is not installed: install"
            " requirements/tracing.txt (in a Bento: name it as requirements_txt in bentofile.yaml), or set the rate to 0."
        ) from error


def add_tracing(app: App, settings: ServingSettings, exporter: SpanExporter | None = None) -> App:
    """Wrap an application, so that each sampled request becomes a span.

    Args:
        app: the application.
        settings: with a sample rate above 0.
        exporter: sends the spans; by default to the collector of the settings.

    Raises:
        SettingsError: see `check_tracing`.
    """
    if exporter is None:
        check_tracing(settings)
        exporter = _collector(settings)
    resource = Resource.create({SERVICE_NAME: "tabento", SERVICE_INSTANCE_ID: str(os.getpid())})
    # A caller that traces decides for its own requests; the rate is for all others.
    sampler = ParentBased(TraceIdRatioBased(settings.tracing_sample_rate))
    provider = TracerProvider(sampler=sampler, resource=resource)
    # Spans wait in a bounded queue and are sent from a thread: a slow collector costs spans, not predictions.
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return _TracedApplication(
        OpenTelemetryMiddleware(app, tracer_provider=provider, exclude_spans=["receive", "send"]), provider
    )


class _TracedApplication:
    """The wrapped application: it sends the remaining spans before the server stops.

    uvicorn ends its process by the signal that stopped it, so no exit handler would run.
    """

    def __init__(self, app: App, provider: TracerProvider) -> None:
        self.app = app
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_spans_first(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await asyncio.to_thread(self._provider.shutdown)
            await send(message)

        await self.app(scope, receive, send_spans_first)


def _collector(settings: ServingSettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=settings.tracing_endpoint, timeout=EXPORT_S)
