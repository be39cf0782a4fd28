"""Online, HTTP: from bytes to rows and from answers to bytes, with errors, health and metrics."""

import tabento.bundle  # noqa: F401 - first of all: it switches off the telemetry of libraries before they are imported
