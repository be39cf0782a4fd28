"""One file per question; results with machine and versions under ``benchmarks/results/``."""

import tabento.bundle  # noqa: F401 - first of all: it switches off the telemetry of libraries before they are imported
