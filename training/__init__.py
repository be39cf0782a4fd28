"""Training, offline: data become a fitted pipeline, an ONNX graph, and a checked bundle in the BentoML model store."""

import tabento.bundle  # noqa: F401 - the first import: it switches off the telemetry of libraries before they are imported
