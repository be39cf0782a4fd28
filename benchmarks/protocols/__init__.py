"""What does a protocol cost? The same rows over JSON, the Open Inference Protocol in JSON and binary, and gRPC."""
