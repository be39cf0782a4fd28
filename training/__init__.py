"""Offline: data to fitted pipeline to ONNX to a gated bundle in the BentoML model store."""

import bundle as bundle  # first of all: it switches off the telemetry of libraries before they are imported
