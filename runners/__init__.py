"""Online, without HTTP: the ONNX session and what decides when it runs."""

import bundle as bundle  # first of all: it switches off the telemetry of libraries before they are imported
