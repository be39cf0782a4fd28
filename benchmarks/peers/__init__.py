"""The servers that Tabento is compared with: each in an environment and a process of its own, on the same ONNX file."""
