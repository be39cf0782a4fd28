"""Offline: data to fitted pipeline to ONNX to a gated bundle in the BentoML model store."""
