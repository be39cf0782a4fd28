"""The check of the settings of tracing, before a worker starts."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from serving.settings import ServingSettings, SettingsError
from tabento.bundle.numbers import number_text

EXPORTER_PACKAGE = "opentelemetry-exporter-otlp-proto-http"
ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""OpenTelemetry's own variables, which the exporter reads if the setting is empty."""


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
