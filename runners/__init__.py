"""Online, without HTTP: the ONNX session and what decides when it runs."""
