"""The Open Inference Protocol over gRPC, on a port of its own. Nothing imports ``grpc`` unless ``grpc_port`` is set."""
