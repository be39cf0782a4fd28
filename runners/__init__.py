"""Online, without HTTP: the ONNX session, the micro-batcher, the learned costs, and admission."""

import tabento.bundle  # noqa: F401 - first of all: it switches off the telemetry of libraries before they are imported
