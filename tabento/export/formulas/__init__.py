"""Formulas that several converters use, written as ONNX nodes."""
