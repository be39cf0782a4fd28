"""Export: a fitted pipeline as an ONNX graph that answers the same."""
