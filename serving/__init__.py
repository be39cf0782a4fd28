"""Online, HTTP: from bytes to rows and from answers to bytes, with guards, errors, health and metrics."""

import bundle as bundle  # first of all: it switches off the telemetry of libraries before they are imported
